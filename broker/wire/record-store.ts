/**
 * Collects one record that arrives in pieces. The memory grows with the bytes that really arrived, never with the
 * length that a header only declares: by doubling up to a segment, and then one segment at a time. So a record that
 * never ends costs its sender's turn no more than its bytes do. A buffer that doubles would have to be copied as a whole,
 * and that takes milliseconds for a large record.
 */

const EMPTY = new Uint8Array(0);
const FIRST_BYTES = 4096;
/** Memory that one step of growth allocates at most: about a quarter of a millisecond. */
const SEGMENT_BYTES = 262_144;
/** After a large record, a store of more than this is dropped and not kept for the small records after it. */
export const MAX_KEPT_STORE_BYTES = 131_072;

export class RecordStore {
  /** Collected bytes. */
  length = 0;
  /** Full segments, in order. */
  #full: Uint8Array[] = [];
  #last: Uint8Array = EMPTY;
  /** Bytes in `#last`. */
  #used = 0;

  /** Bytes of allocated memory, which may be more than the bytes held in it. */
  get memoryBytes(): number {
    return this.#full.length * SEGMENT_BYTES + this.#last.length;
  }

  /** The first bytes, as many as are collected, but at most a segment. */
  get head(): Uint8Array {
    return (this.#full[0] ?? this.#last).subarray(0, Math.min(this.length, SEGMENT_BYTES));
  }

  /** Copies bytes. `total`: length of the whole record; 0 while its header is not complete. */
  append(bytes: Uint8Array, total: number): void {
    for (let at = 0; at < bytes.length; ) {
      const left = bytes.length - at;
      if (this.#used + left > this.#last.length) this.#grow(left, total);
      const count = Math.min(left, this.#last.length - this.#used);
      this.#last.set(bytes.subarray(at, at + count), this.#used);
      this.#used += count;
      this.length += count;
      at += count;
    }
  }

  /** All bytes in one piece; the store is empty then. The piece is valid until the next append. */
  take(): Uint8Array {
    const record =
      this.#full.length === 0
        ? this.#last.subarray(0, this.#used)
        : Buffer.concat([...this.#full, this.#last.subarray(0, this.#used)]);
    this.length = 0;
    this.#used = 0;
    this.#full = [];
    if (this.#last.length > MAX_KEPT_STORE_BYTES) this.#last = EMPTY;
    return record;
  }

  clear(): void {
    this.length = 0;
    this.#used = 0;
    this.#full = [];
    this.#last = EMPTY;
  }

  #grow(more: number, total: number): void {
    if (this.#last.length === SEGMENT_BYTES) {
      if (this.#used < SEGMENT_BYTES) return;
      this.#full.push(this.#last);
      this.#last = new Uint8Array(Math.min(SEGMENT_BYTES, Math.max(more, total - this.length)));
      this.#used = 0;
      return;
    }
    const doubled = Math.min(this.#last.length * 2, total - (this.length - this.#used));
    const size = Math.min(SEGMENT_BYTES, Math.max(this.#used + more, doubled, FIRST_BYTES));
    const grown = new Uint8Array(size);
    grown.set(this.#last.subarray(0, this.#used));
    this.#last = grown;
  }
}
