/**
 * Cuts records out of a byte stream whose other end may restart without a word: a guest reboots behind its virtio-serial
 * port and the host's end stays connected. Then half a record may be followed by the first record of a new beginning, and
 * bytes of an old session may precede it.
 *
 * That first record is found by its header, of which the first 16 bytes are always the same (the *sign*). No record of an
 * honest end contains them further on, since bodies are ciphertext or base64; who puts them into a body breaks the record
 * that is being sent, as any other byte would, and nothing else.
 *
 * Where a carrier tells of restarts, `Deframer` does the same without copying and searching.
 */
import { MAX_SKIPPED_BYTES, RECORD_HEADER_BYTES, RecordType } from './constants.ts';
import { cut, type DeframedRecord } from './deframer.ts';
import { decodeRecordHeader, encodeRecordHeader, type RecordFault } from './record.ts';

const FIRST_STORE_BYTES = 4096;
/** Header bytes before the length: with epoch and sequence 0 they are the same for every record of one type. */
const SIGN_BYTES = 16;
/** Header of a close record that is not sealed: one byte of body. */
const REFUSAL = Buffer.from(encodeRecordHeader(RecordType.close, 0, 0, 1));

export class SeekingDeframer {
  /** Cap on a record's declared length; raised once the peer is authenticated. */
  maxLength: number;
  /** Set while a session runs: a header that makes no sense is a fault then, and not a reason to search. */
  isStrict = false;
  readonly #sign: Buffer;
  /** `[#at, #stored)` has arrived and is not handed out; moved to the front by `push` only, since views point into it. */
  #store = Buffer.alloc(FIRST_STORE_BYTES);
  #at = 0;
  #stored = 0;
  /** The sign does not begin in `(#at, #searched)`. */
  #searched = 0;
  /** No record boundary is known: bytes are skipped until the sign. */
  #isLost = true;
  /** Since the last whole record. */
  #skipped = 0;
  #fault: RecordFault | null = null;

  /**
   * `seek`: the type of the record that begins anew. The stream is skipped up to the first one; an unsealed close record
   * stops it as well, because it is the answer to a hello that was refused.
   */
  constructor(maxLength: number, seek: RecordType) {
    this.maxLength = maxLength;
    this.#sign = Buffer.from(encodeRecordHeader(seek, 0, 0, 0).subarray(0, SIGN_BYTES));
  }

  /** Bytes held for a record that is not complete yet. */
  get heldBytes(): number {
    return this.#stored - this.#at;
  }

  /** Hands in the next chunk, which is copied; call `next` until it says 'more' before pushing again. */
  push(chunk: Uint8Array): void {
    if (this.#fault !== null) return;
    const held = this.#stored - this.#at;
    if (held + chunk.length > this.#store.length) {
      const grown = Buffer.alloc(Math.max(held + chunk.length, this.#store.length * 2));
      this.#store.copy(grown, 0, this.#at, this.#stored);
      this.#store = grown;
    } else this.#store.copyWithin(0, this.#at, this.#stored);
    this.#searched = Math.max(0, this.#searched - this.#at);
    this.#at = 0;
    this.#store.set(chunk, held);
    this.#stored = held + chunk.length;
  }

  /** The next whole record, 'more' when the stream must bring more first, or a fault, which is final. */
  next(): DeframedRecord | 'more' | RecordFault {
    while (this.#fault === null) {
      if (this.#isLost && !this.#find()) continue;
      if (this.#isLost || this.heldBytes < RECORD_HEADER_BYTES) return 'more';
      const header = decodeRecordHeader(this.#store, this.#at, this.maxLength);
      if (typeof header === 'string') {
        this.#break(header);
        continue;
      }
      const end = this.#at + RECORD_HEADER_BYTES + header.length;
      // Also in a record that seems whole: its last bytes may be the first ones of a new beginning.
      if (this.#restartsBefore(end)) continue;
      if (end > this.#stored) return 'more';
      const record = cut(header, this.#store, this.#at);
      this.#at = end;
      this.#searched = end;
      this.#skipped = 0;
      return record;
    }
    return this.#fault;
  }

  /** Skips to the sign, or to what may be its beginning; false when that was too far. */
  #find(): boolean {
    const bytes = this.#store.subarray(0, this.#stored);
    const places = [this.#sign, REFUSAL].map((sign) => bytes.indexOf(sign, this.#at)).filter((place) => place >= 0);
    this.#isLost = places.length === 0;
    const mayBegin = Math.max(this.#at, this.#stored - (RECORD_HEADER_BYTES - 1));
    return this.#skipTo(this.#isLost ? mayBegin : Math.min(...places));
  }

  /** True when a new beginning lies inside the record that ends at `end`; the stream goes on from there. */
  #restartsBefore(end: number): boolean {
    const until = Math.min(end + SIGN_BYTES - 1, this.#stored);
    const from = Math.max(this.#at + 1, this.#searched);
    const found = this.#store.subarray(0, until).indexOf(this.#sign, from);
    this.#searched = Math.max(from, until - (SIGN_BYTES - 1));
    if (found < 0) return false;
    this.#skipTo(found);
    return true;
  }

  #skipTo(to: number): boolean {
    this.#skipped += to - this.#at;
    this.#at = to;
    this.#searched = to;
    if (this.#skipped <= MAX_SKIPPED_BYTES) return true;
    this.#fault = 'BAD_MAGIC';
    return false;
  }

  #break(fault: RecordFault): void {
    if (this.isStrict) this.#fault = fault;
    else {
      this.#isLost = true;
      // One byte on, so that a sign whose length makes no sense is not found again.
      this.#skipTo(this.#at + 1);
    }
  }
}
