/**
 * Cuts a byte stream into records. A record that lies whole in the chunk just pushed is handed out as a view of it; one
 * that straddles chunks is gathered in a buffer of our own, which grows with what has really arrived, never with what a
 * header merely declares.
 *
 * Some carriers do not tell when the other end restarts (a guest reboots behind its virtio-serial port and the host's
 * end stays connected): then half a record may be followed by the first record of a new beginning, and bytes of an old
 * session may precede it. A deframer that is given such a record's type finds it by its header, 24 bytes of which all but
 * the length are fixed. No record of an honest end contains those bytes, since bodies are ciphertext or base64; who puts
 * them into a body breaks only the record that is being sent, as any other byte would.
 */
import { MAX_SKIPPED_BYTES, RECORD_HEADER_BYTES, type RecordType } from './constants.ts';
import { decodeRecordHeader, encodeRecordHeader, type RecordFault, type RecordHeader } from './record.ts';

const EMPTY = new Uint8Array(0);
const FIRST_STORE_BYTES = 4096;
/** Header bytes before the length: with epoch and sequence 0 they are the same for every record of one type. */
const SIGN_BYTES = 16;
/** A store that one large record has made larger than this is not kept for the small ones after it. */
const MAX_KEPT_STORE_BYTES = 131_072;

export interface DeframedRecord extends RecordHeader {
  /** The 24 header bytes: the additional data. A view, valid until the next push. */
  readonly headerBytes: Uint8Array;
  /** `length` bytes. A view, valid until the next push. */
  readonly body: Uint8Array;
}

export class Deframer {
  /** Cap on a record's declared length; raised once the peer is authenticated. */
  maxLength: number;
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  #store = EMPTY;
  /** Bytes of an unfinished record in `#store`; 0 means that records are read from the chunk itself. */
  #stored = 0;
  #fault: RecordFault | null = null;
  /** How the record looks that begins anew, or null on a carrier that tells of restarts. */
  readonly #sign: Uint8Array | null;
  /** No record boundary is known: bytes are skipped until the sign. */
  #isLost: boolean;
  #skipped = 0;
  /** How far the unfinished record in `#store` has been searched for the sign. */
  #searched = 0;
  /** Set while a session runs: a header that makes no sense is a fault then, and not a reason to search. */
  isStrict = false;

  /** `seek`: the record that begins anew; the stream is skipped up to the first one. */
  constructor(maxLength: number, seek: RecordType | null = null) {
    this.maxLength = maxLength;
    this.#sign = seek === null ? null : encodeRecordHeader(seek, 0, 0, 0).subarray(0, SIGN_BYTES);
    this.#isLost = seek !== null;
  }

  /** Bytes held for a record that is not complete yet. */
  get heldBytes(): number {
    return this.#stored;
  }

  /** Lends the next chunk; call `next` until it says 'more', or `keep`, before its bytes may change. */
  push(chunk: Uint8Array): void {
    this.#chunk = this.#at < this.#chunk.length ? joined(this.#chunk.subarray(this.#at), chunk) : chunk;
    this.#at = 0;
  }

  /** Copies what is left of the chunk: the reader stops here for now, and the lender wants its bytes back. */
  keep(): void {
    this.#chunk = joined(this.#chunk.subarray(this.#at), EMPTY); // not slice(): a Buffer's is a view
    this.#at = 0;
  }

  /** The next whole record, 'more' when the stream must bring more first, or a fault, which is final. */
  next(): DeframedRecord | 'more' | RecordFault {
    if (this.#fault !== null) return this.#fault;
    if (this.#sign === null) return this.#stored > 0 ? this.#nextFromStore() : this.#nextFromChunk();
    return this.#nextOrSought(this.#sign);
  }

  /** The same on a carrier that does not tell of restarts. */
  #nextOrSought(sign: Uint8Array): DeframedRecord | 'more' | RecordFault {
    for (;;) {
      if (this.#isLost && !this.#find(sign)) return this.#fault ?? this.#wait();
      const record = this.#stored > 0 ? this.#nextFromStore() : this.#nextFromChunk();
      if (record !== 'more') {
        // `#fail` has made the fault final unless it led here to search on behind the header's first byte.
        if (typeof record === 'string' && this.#fault === null) continue;
        this.#skipped = 0;
        return record;
      }
      // Half a record: the sender may have begun anew inside what looks like its body.
      if (!this.#restartsInside(sign)) return 'more';
    }
  }

  /** Skips to the sign; keeps what may be its beginning. */
  #find(sign: Uint8Array): boolean {
    this.#gather(this.#chunk.length - this.#at);
    const found = indexOf(this.#store.subarray(0, this.#stored), sign, 0);
    const skip = found >= 0 ? found : Math.max(0, this.#stored - (SIGN_BYTES - 1));
    this.#skipped += skip;
    if (this.#skipped > MAX_SKIPPED_BYTES) {
      this.#fail('BAD_MAGIC');
      return false;
    }
    if (found >= 0) {
      this.#restore(found);
      this.#isLost = false;
      return true;
    }
    this.#store.copyWithin(0, skip, this.#stored);
    this.#stored -= skip;
    return false;
  }

  /** True when the unfinished record holds the sign; the stream goes on from there. */
  #restartsInside(sign: Uint8Array): boolean {
    if (this.#stored <= RECORD_HEADER_BYTES) return false;
    const from = Math.max(1, this.#searched - (SIGN_BYTES - 1));
    this.#searched = this.#stored;
    const found = indexOf(this.#store.subarray(0, this.#stored), sign, from);
    if (found < 0) return false;
    this.#restore(found);
    return true;
  }

  /** Makes what is stored behind `skip` the next bytes of the stream; the chunk is used up by then. */
  #restore(skip: number): void {
    // Copied: the records cut from it must not be overwritten while the store gathers again.
    this.#chunk = this.#store.slice(skip, this.#stored);
    this.#at = 0;
    this.#stored = 0;
    this.#searched = 0;
  }

  #nextFromChunk(): DeframedRecord | 'more' | RecordFault {
    const available = this.#chunk.length - this.#at;
    if (available === 0) return this.#wait();
    if (available < RECORD_HEADER_BYTES) {
      this.#gather(available);
      return this.#wait();
    }
    const header = decodeRecordHeader(this.#chunk, this.#at, this.maxLength);
    if (typeof header === 'string') return this.#fail(header);
    const total = RECORD_HEADER_BYTES + header.length;
    if (available < total) {
      this.#gather(available);
      return this.#wait();
    }
    const record = cut(header, this.#chunk, this.#at);
    this.#at += total;
    return record;
  }

  #nextFromStore(): DeframedRecord | 'more' | RecordFault {
    if (!this.#gatherUpTo(RECORD_HEADER_BYTES)) return this.#wait();
    const header = decodeRecordHeader(this.#store, 0, this.maxLength);
    if (typeof header === 'string') return this.#fail(header);
    if (!this.#gatherUpTo(RECORD_HEADER_BYTES + header.length)) return this.#wait();
    this.#stored = 0;
    this.#searched = 0;
    const record = cut(header, this.#store, 0);
    if (this.#store.length > MAX_KEPT_STORE_BYTES) this.#store = EMPTY;
    return record;
  }

  /** Moves bytes from the chunk until `total` are stored; false when the chunk ran out first. */
  #gatherUpTo(total: number): boolean {
    const missing = total - this.#stored;
    if (missing > 0) this.#gather(Math.min(missing, this.#chunk.length - this.#at));
    return this.#stored >= total;
  }

  #gather(length: number): void {
    const needed = this.#stored + length;
    if (needed > this.#store.length) {
      const grown = new Uint8Array(Math.max(needed, this.#store.length * 2, FIRST_STORE_BYTES));
      grown.set(this.#store.subarray(0, this.#stored));
      this.#store = grown;
    }
    this.#store.set(this.#chunk.subarray(this.#at, this.#at + length), this.#stored);
    this.#stored = needed;
    this.#at += length;
  }

  #wait(): 'more' {
    // The socket's chunk is not ours to keep, and holding a view of it would pin its whole slab.
    this.#chunk = EMPTY;
    this.#at = 0;
    return 'more';
  }

  #fail(fault: RecordFault): RecordFault {
    if (this.#sign !== null && !this.isStrict && this.#skipped <= MAX_SKIPPED_BYTES) {
      this.#isLost = true;
      this.#skipped++;
      // One byte on, so that a sign whose header makes no sense is not found again.
      if (this.#stored > 0) {
        this.#gather(this.#chunk.length - this.#at);
        this.#restore(1);
      } else this.#at++;
      return fault;
    }
    this.#fault = fault;
    this.#chunk = EMPTY;
    this.#store = EMPTY;
    this.#stored = 0;
    return fault;
  }
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(wanted, from);
}

export function cut(header: RecordHeader, bytes: Uint8Array, at: number): DeframedRecord {
  const bodyAt = at + RECORD_HEADER_BYTES;
  return {
    type: header.type,
    epoch: header.epoch,
    sequence: header.sequence,
    length: header.length,
    headerBytes: bytes.subarray(at, bodyAt),
    body: bytes.subarray(bodyAt, bodyAt + header.length),
  };
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
