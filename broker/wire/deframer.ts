/**
 * Cuts a byte stream into records. A record that lies whole in the last pushed chunk is returned as a view of it. A
 * record that straddles chunks is collected in a store of the deframer.
 *
 * The other end must start a new carrier when it restarts. `SeekingDeframer` is for carriers where it does not.
 */
import { RECORD_HEADER_BYTES } from './constants.ts';
import { decodeRecordHeader, type RecordFault, type RecordHeader } from './record.ts';
import { RecordStore } from './record-store.ts';

const EMPTY = new Uint8Array(0);

export interface DeframedRecord extends RecordHeader {
  /** The 24 header bytes: the additional data. A view, valid until the next push. */
  readonly headerBytes: Uint8Array;
  /** `length` bytes. A view, valid until the next push. */
  readonly body: Uint8Array;
}

export class Deframer {
  /** Cap on a record's declared length; raised once the other side is authenticated. */
  maxLength: number;
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  /**
   * Memory for `keep`, as long as it is needed for chunk after chunk: new memory for each would be garbage in
   * megabytes.
   */
  #kept: Uint8Array = EMPTY;
  /** `#chunk` lies in `#kept`. */
  #isKept = false;
  /** An unfinished record; while it is empty, records are read from the chunk itself. */
  readonly #store = new RecordStore();
  /** Length of the record in `#store`, once its header has arrived. The store never holds more. */
  #total = 0;
  #fault: RecordFault | null = null;

  constructor(maxLength: number) {
    this.maxLength = maxLength;
  }

  /** Bytes that arrived and were not returned yet: an unfinished record, and the bytes that `keep` has copied. */
  get heldBytes(): number {
    return this.#store.length + this.#chunk.length - this.#at;
  }

  /** Bytes of allocated memory, which may be more than the bytes held in it. */
  get memoryBytes(): number {
    const chunk = this.#isKept ? 0 : this.#chunk.length - this.#at;
    return this.#store.memoryBytes + this.#kept.length + chunk;
  }

  /** Reads the next chunk in place. Before its bytes change, call `next` until it returns 'more', or call `keep`. */
  push(chunk: Uint8Array): void {
    if (this.#fault !== null) return;
    this.#chunk = this.#at < this.#chunk.length ? joined(this.#chunk.subarray(this.#at), chunk) : chunk;
    this.#at = 0;
    this.#isKept = false;
  }

  /** Copies the rest of the chunk: the reader stops here for now, and the caller reuses the chunk's memory. */
  keep(): void {
    if (this.#isKept) return;
    const rest = this.#chunk.subarray(this.#at);
    if (this.#kept.length < rest.length) this.#kept = new Uint8Array(rest.length);
    this.#kept.set(rest);
    // Drop the chunk also when nothing is left of it: the caller may even free its memory.
    this.#chunk = this.#kept.subarray(0, rest.length);
    this.#at = 0;
    this.#isKept = true;
  }

  /** The next whole record, 'more' when the stream must bring more first, or a fault, which is final. */
  next(): DeframedRecord | 'more' | RecordFault {
    if (this.#fault !== null) return this.#fault;
    return this.#store.length > 0 ? this.#nextFromStore() : this.#nextFromChunk();
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
      this.#total = total;
      this.#gather(available);
      return this.#wait();
    }
    const record = cut(header, this.#chunk, this.#at);
    this.#at += total;
    return record;
  }

  #nextFromStore(): DeframedRecord | 'more' | RecordFault {
    if (!this.#gatherUpTo(RECORD_HEADER_BYTES)) return this.#wait();
    const header = decodeRecordHeader(this.#store.head, 0, this.maxLength);
    if (typeof header === 'string') return this.#fail(header);
    this.#total = RECORD_HEADER_BYTES + header.length;
    if (!this.#gatherUpTo(this.#total)) return this.#wait();
    this.#total = 0;
    return cut(header, this.#store.take(), 0);
  }

  /** Moves bytes from the chunk until `total` are stored; false when the chunk ran out first. */
  #gatherUpTo(total: number): boolean {
    const missing = total - this.#store.length;
    if (missing > 0) this.#gather(Math.min(missing, this.#chunk.length - this.#at));
    return this.#store.length >= total;
  }

  #gather(length: number): void {
    this.#store.append(this.#chunk.subarray(this.#at, this.#at + length), this.#total);
    this.#at += length;
  }

  #wait(): 'more' {
    if (!this.#isKept && this.#chunk.length > 0) this.#kept = EMPTY;
    this.#dropChunk();
    return 'more';
  }

  #fail(fault: RecordFault): RecordFault {
    this.#fault = fault;
    this.#kept = EMPTY;
    this.#dropChunk();
    this.#store.clear();
    return fault;
  }

  /** The chunk belongs to the carrier, and keeping a view of it would keep its whole memory. */
  #dropChunk(): void {
    this.#chunk = EMPTY;
    this.#at = 0;
    this.#isKept = false;
  }
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
