/**
 * Cuts records out of a byte stream whose other end may restart without notice: a guest reboots behind its
 * virtio-serial port, and the host's end stays connected. Then half a record may be followed by the first record of a
 * new session, and bytes of an old session may precede that record.
 *
 * The first record is found by its *preamble*: the first 16 bytes of its header, which are always the same. The bodies
 * of an honest sender never contain a preamble, because they are ciphertext or base64. A sender that puts one into a
 * body breaks only the record that it is sending, as any other wrong byte would.
 *
 * The work is linear in the number of bytes, for any bytes: each of the three searches remembers how far it has
 * searched, and never reads a byte twice (`searchedBytes`, which a test bounds). A false preamble costs more than its
 * bytes do, so one call of `next` tries only a few.
 */
import { MAX_SKIPPED_BYTES, PLACES_PER_SEARCH, RECORD_HEADER_BYTES, RecordType } from './constants.ts';
import { cut, type DeframedRecord } from './deframer.ts';
import { decodeRecordHeader, encodeRecordHeader, type RecordFault } from './record.ts';
import { MAX_KEPT_STORE_BYTES } from './record-store.ts';

const FIRST_STORE_BYTES = 4096;
/** Header bytes before the length: with epoch and sequence 0 they are the same for every record of one type. */
const PREAMBLE_BYTES = 16;
/** Header of a close record that is not sealed: one byte of body. */
const REFUSAL = Buffer.from(encodeRecordHeader(RecordType.close, 0, 0, 1));

export class SeekingDeframer {
  /** Cap on a record's declared length; raised once the other side is authenticated. */
  maxLength: number;
  /** Set while a session runs: an invalid header is then a fault, and not a reason to search. */
  isStrict = false;
  /** Bytes that all searches together have read. */
  searchedBytes = 0;
  readonly #preamble: Buffer;
  /**
   * `[#at, #stored)` has arrived and was not returned yet. Only `push` moves it to the front, because views refer to
   * it.
   */
  #store = Buffer.alloc(FIRST_STORE_BYTES);
  #at = 0;
  #stored = 0;
  /** No preamble begins in `(#at, #searched)`. */
  #searched = 0;
  /** While skipping: the next preamble and the next refusal, or the places up to which there is none. */
  readonly #places: [Place, Place];
  /** No record boundary is known: bytes are skipped until a preamble or a refusal. */
  #isLost = true;
  /** Skipped bytes since the last whole record. */
  #skipped = 0;
  #fault: RecordFault | null = null;

  /**
   * `seek`: the type of the first record of a session. The stream is skipped up to the first such record. An unsealed
   * close record stops the search as well, because it answers a hello that was refused.
   */
  constructor(maxLength: number, seek: RecordType) {
    this.maxLength = maxLength;
    this.#preamble = Buffer.from(encodeRecordHeader(seek, 0, 0, 0).subarray(0, PREAMBLE_BYTES));
    this.#places = [
      { wanted: this.#preamble, at: 0, isFound: false },
      { wanted: REFUSAL, at: 0, isFound: false },
    ];
  }

  /** Bytes held for a record that is not complete yet. */
  get heldBytes(): number {
    return this.#stored - this.#at;
  }

  /** Bytes of allocated memory, which may be more than the bytes held in it. */
  get memoryBytes(): number {
    return this.#store.length;
  }

  /** Copies the next chunk. Call `next` until it returns 'more' before the next push. */
  push(chunk: Uint8Array): void {
    if (this.#fault !== null) return;
    const held = this.#stored - this.#at;
    const needed = held + chunk.length;
    if (needed > this.#store.length || (this.#store.length > MAX_KEPT_STORE_BYTES && needed <= FIRST_STORE_BYTES)) {
      const doubled = needed > this.#store.length ? this.#store.length * 2 : FIRST_STORE_BYTES;
      const other = Buffer.alloc(Math.max(needed, doubled));
      this.#store.copy(other, 0, this.#at, this.#stored);
      this.#store = other;
    } else if (this.#at > 0) this.#store.copyWithin(0, this.#at, this.#stored);
    this.#searched = Math.max(0, this.#searched - this.#at);
    for (const place of this.#places) {
      if (place.at < this.#at) place.isFound = false;
      place.at = Math.max(0, place.at - this.#at);
    }
    this.#at = 0;
    this.#store.set(chunk, held);
    this.#stored = needed;
  }

  /** Does nothing, because the bytes are already copied. Both deframers have the same interface. */
  keep(): void {}

  /**
   * The next whole record, 'more' when the stream must bring more first, or a fault, which is final. 'searching':
   * PLACES_PER_SEARCH places were not the beginning of a record. Call `next` again when there is time for as many more.
   */
  next(): DeframedRecord | 'more' | 'searching' | RecordFault {
    for (let places = 0; this.#fault === null; places++) {
      if (places === PLACES_PER_SEARCH) return 'searching';
      if (this.#isLost && !this.#find()) continue;
      if (this.#isLost || this.heldBytes < RECORD_HEADER_BYTES) return 'more';
      const header = decodeRecordHeader(this.#store, this.#at, this.maxLength);
      if (typeof header === 'string') {
        this.#break(header);
        continue;
      }
      const end = this.#at + RECORD_HEADER_BYTES + header.length;
      // Search also in a record that seems whole: its last bytes may be the first bytes of a new session.
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

  /** Skips to the next preamble or refusal, or to a possible beginning of one. False: too many bytes were skipped. */
  #find(): boolean {
    const [preamble, refusal] = this.#places;
    this.#seek(preamble);
    this.#seek(refusal);
    this.#isLost = !preamble.isFound && !refusal.isFound;
    if (this.#isLost) return this.#skipTo(Math.max(this.#at, this.#stored - (RECORD_HEADER_BYTES - 1)));
    if (!preamble.isFound) return this.#skipTo(refusal.at);
    return this.#skipTo(refusal.isFound ? Math.min(preamble.at, refusal.at) : preamble.at);
  }

  /** Finds the next place at or after `#at`, unless an earlier search has found it. */
  #seek(place: Place): void {
    if (place.isFound && place.at >= this.#at) return;
    const from = Math.max(place.at, this.#at);
    const found = this.#indexOf(place.wanted, from, this.#stored);
    place.isFound = found >= 0;
    place.at = place.isFound ? found : Math.max(from, this.#stored - (place.wanted.length - 1));
  }

  /** True when a new session begins inside the record that ends at `end`. The stream then continues at that place. */
  #restartsBefore(end: number): boolean {
    const until = Math.min(end + PREAMBLE_BYTES - 1, this.#stored);
    const from = Math.max(this.#at + 1, this.#searched);
    const found = this.#indexOf(this.#preamble, from, until);
    this.#searched = Math.max(from, until - (PREAMBLE_BYTES - 1));
    if (found < 0) return false;
    this.#skipTo(found);
    return true;
  }

  #indexOf(wanted: Buffer, from: number, until: number): number {
    if (from >= until) return -1;
    const found = this.#store.subarray(0, until).indexOf(wanted, from);
    this.searchedBytes += (found < 0 ? until : found + wanted.length) - from;
    return found;
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
      // Skip one byte, so that a preamble with an invalid length is not found again.
      this.#skipTo(this.#at + 1);
    }
  }
}

interface Place {
  readonly wanted: Buffer;
  /** The place; or, when it was not found, the first byte at which it may still begin. */
  at: number;
  isFound: boolean;
}
