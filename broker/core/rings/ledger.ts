/**
 * The messages in a ring: a FIFO of (sender's share, ring bytes), one entry per accepted message for which the owner
 * has not returned credit yet. From it the broker knows which sender's bytes a credit frees, whether a credit covers
 * whole messages, and how many bytes of each sender were unread when a receiver disappeared.
 *
 *   sizes       [ 96 | 96 | 1792 | …          ]   circular, `#count` entries from `#first`, capacity a power of two
 *   shares      [  A |  A |    B | …          ]
 *   deliveries  [  7 |  9 |   10 | …          ]   grows: the owner's count of deliveries when the message was accepted
 */
import { invariant } from '../../base/index.ts';
import type { Share } from './share.ts';

const FIRST_CAPACITY = 16;
/** Memory of an entry in the three arrays, which are up to twice as long as needed. */
export const LEDGER_ENTRY_BYTES = 2 * (4 + 8 + 8);
/** An empty ledger of more entries than this, 20 KiB, frees its arrays. */
const KEPT_CAPACITY = 1_024;

export class Ledger {
  #sizes = new Int32Array(FIRST_CAPACITY);
  #shares: (Share | null)[] = new Array<Share | null>(FIRST_CAPACITY).fill(null);
  #deliveries = new Float64Array(FIRST_CAPACITY);
  #first = 0;
  #count = 0;

  get messages(): number {
    return this.#count;
  }

  push(share: Share, size: number, delivery: number): void {
    if (this.#count === this.#sizes.length) this.#resize(this.#sizes.length * 2);
    const at = (this.#first + this.#count) & (this.#sizes.length - 1);
    this.#sizes[at] = size;
    this.#shares[at] = share;
    this.#deliveries[at] = delivery;
    this.#count++;
    share.add(size);
  }

  /**
   * Removes whole messages from the front. Returns false, and changes nothing, when `bytes` ends inside a message or
   * reaches beyond delivery `departed`.
   */
  release(bytes: number, departed: number): boolean {
    const mask = this.#sizes.length - 1;
    let left = bytes;
    let messages = 0;
    while (left > 0 && messages < this.#count) {
      const at = (this.#first + messages) & mask;
      if ((this.#deliveries[at] ?? 0) > departed) return false;
      left -= this.#sizes[at] ?? 0;
      messages++;
    }
    if (left !== 0) return false;
    for (; messages > 0; messages--) {
      this.#shares[this.#first]?.remove(this.#sizes[this.#first] ?? 0);
      this.#shares[this.#first] = null;
      this.#first = (this.#first + 1) & mask;
      this.#count--;
    }
    if (this.#count === 0 && this.#sizes.length > KEPT_CAPACITY) this.#resize(FIRST_CAPACITY);
    return true;
  }

  /**
   * Removes those of the newest `keep.length` entries, oldest first, that are marked false: messages that were accepted
   * and then revoked before they left the broker. Returns the removed ring bytes.
   */
  filterNewest(keep: readonly boolean[]): number {
    invariant(keep.length <= this.#count, 'more messages queued than accounted for');
    const mask = this.#sizes.length - 1;
    const begin = this.#count - keep.length;
    let to = begin;
    let removed = 0;
    for (let i = 0; i < keep.length; i++) {
      const from = (this.#first + begin + i) & mask;
      const size = this.#sizes[from] ?? 0;
      const share = this.#shares[from] ?? null;
      if (keep[i] === false) {
        removed += size;
        share?.remove(size);
        continue;
      }
      this.#sizes[(this.#first + to) & mask] = size;
      this.#shares[(this.#first + to) & mask] = share;
      this.#deliveries[(this.#first + to) & mask] = this.#deliveries[from] ?? 0;
      to++;
    }
    for (let i = to; i < this.#count; i++) this.#shares[(this.#first + i) & mask] = null;
    this.#count = to;
    return removed;
  }

  #resize(capacity: number): void {
    const sizes = new Int32Array(capacity);
    const shares = new Array<Share | null>(capacity).fill(null);
    const deliveries = new Float64Array(capacity);
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#first + i) & (this.#sizes.length - 1);
      sizes[i] = this.#sizes[at] ?? 0;
      shares[i] = this.#shares[at] ?? null;
      deliveries[i] = this.#deliveries[at] ?? 0;
    }
    this.#sizes = sizes;
    this.#shares = shares;
    this.#deliveries = deliveries;
    this.#first = 0;
  }
}
