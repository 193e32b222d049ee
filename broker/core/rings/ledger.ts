/**
 * The messages in a ring: a FIFO of (sender's share, ring bytes), one entry per accepted message for which the owner
 * has not returned credit yet. From it the broker knows which sender's bytes a credit frees, whether a credit covers
 * whole messages, and how many bytes of each sender were unread when a receiver disappeared.
 *
 *   #first -> [ . . . e e e ] -> [ e e e e e e ] -> [ e e . . . ] <- #last     segments: `begin` to `end` are used
 *   e = size | slot | delivery: ring bytes, the share's place in #shares, the owner's count of deliveries then
 *
 * A ledger never moves its entries, so no push costs more than a new segment: a ring may hold a million entries, and
 * one array for all of them kept every domain waiting for 16 ms when it grew. An entry refers to its share by number,
 * so the garbage collector has nothing to look at in a segment.
 */
import { invariant } from '../../base/index.ts';
import type { Share } from './share.ts';

const FIRST_CAPACITY = 16;
/** 24 KiB. */
const MAX_CAPACITY = 2_048;
const ENTRY_WORDS = 3;
const [SIZE, SLOT, DELIVERY] = [0, 1, 2];
/** Memory of an entry. A segment has room for as many entries as there are when it is made. */
export const LEDGER_ENTRY_BYTES = 2 * ENTRY_WORDS * Uint32Array.BYTES_PER_ELEMENT;
/** An empty ledger frees segments that are larger than this, 12 KiB. */
const KEPT_CAPACITY = 1_024;
const MAX_UINT32 = 0xffff_ffff;
const MIXED = -1;

class Segment {
  readonly words: Uint32Array;
  readonly capacity: number;
  begin = 0;
  end = 0;
  /** The sum of the sizes from `begin` to `end`. */
  bytes = 0;
  /** The slot of all entries from `begin` to `end`; MIXED: they have several. */
  slots = MIXED;
  /** What the delivery in each entry counts from. */
  since = 0;
  next: Segment | null = null;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.words = new Uint32Array(capacity * ENTRY_WORDS);
  }

  get length(): number {
    return this.end - this.begin;
  }

  empty(since: number): void {
    this.begin = 0;
    this.end = 0;
    this.bytes = 0;
    this.since = since;
    this.next = null;
  }

  size(at: number): number {
    return this.words[at * ENTRY_WORDS + SIZE] ?? 0;
  }

  slot(at: number): number {
    return this.words[at * ENTRY_WORDS + SLOT] ?? 0;
  }

  delivery(at: number): number {
    return this.since + (this.words[at * ENTRY_WORDS + DELIVERY] ?? 0);
  }

  hasRoom(delivery: number): boolean {
    return this.end < this.capacity && delivery - this.since <= MAX_UINT32;
  }

  /** Removes the entries from `at` on. */
  truncate(at: number): void {
    for (let i = at; i < this.end; i++) this.bytes -= this.size(i);
    this.end = at;
    this.next = null;
  }

  push(size: number, slot: number, delivery: number): void {
    if (this.begin === this.end) this.slots = slot;
    else if (this.slots !== slot) this.slots = MIXED;
    const at = ENTRY_WORDS * this.end++;
    this.words[at + SIZE] = size;
    this.words[at + SLOT] = slot;
    this.words[at + DELIVERY] = delivery - this.since;
    this.bytes += size;
  }
}

export class Ledger {
  #first = new Segment(FIRST_CAPACITY);
  #last = this.#first;
  /** The last drained segment: a ring that is never empty takes two in turns. */
  #spare: Segment | null = null;
  #count = 0;
  /** The shares with messages here, by slot, and the slots without a share. */
  readonly #shares: (Share | null)[] = [];
  readonly #freeSlots: number[] = [];

  get messages(): number {
    return this.#count;
  }

  /** Entries that it has memory for. */
  get capacity(): number {
    let capacity = this.#spare?.capacity ?? 0;
    for (let at: Segment | null = this.#first; at !== null; at = at.next) capacity += at.capacity;
    return capacity;
  }

  push(share: Share, size: number, delivery: number): void {
    let last = this.#last;
    if (!last.hasRoom(delivery)) last = this.#extend(delivery);
    if (share.messages === 0) this.#enter(share);
    last.push(size, share.slot, delivery);
    this.#count++;
    share.add(size);
  }

  /**
   * Removes whole messages from the front. Returns false, and changes nothing, when `bytes` ends inside a message or
   * reaches beyond delivery `departed`.
   */
  release(bytes: number, departed: number): boolean {
    const messages = this.#covered(bytes, departed);
    if (messages < 0) return false;
    this.#count -= messages;
    for (let left = messages; left > 0; ) {
      const segment = this.#first;
      left -= left >= segment.length && segment.slots !== MIXED ? this.#removeAll(segment) : this.#removeOne(segment);
      if (segment.begin < segment.end || segment.next === null) continue;
      this.#first = segment.next;
      this.#spare = segment;
    }
    if (this.#count === 0) this.#clear();
    return true;
  }

  /** The number of messages that end at `bytes` from the front, and were all delivered. -1: there is none. */
  #covered(bytes: number, departed: number): number {
    let segment = this.#first;
    let at = segment.begin;
    let left = bytes;
    let messages = 0;
    while (left > 0 && messages < this.#count) {
      if (at === segment.end && segment.next !== null) {
        segment = segment.next;
        at = segment.begin;
      }
      if (at === segment.begin && left >= segment.bytes && segment.delivery(segment.end - 1) <= departed) {
        left -= segment.bytes;
        messages += segment.length;
        at = segment.end;
        continue;
      }
      if (segment.delivery(at) > departed) return -1;
      left -= segment.size(at++);
      messages++;
    }
    return left === 0 ? messages : -1;
  }

  /**
   * Removes those of the newest `keep.length` entries, oldest first, that are marked false: messages that were accepted
   * and then revoked before they left the broker. Returns the removed ring bytes.
   */
  filterNewest(keep: readonly boolean[]): number {
    invariant(keep.length <= this.#count, 'more messages queued than accounted for');
    let { segment, at, end, next } = this.#cut(keep.length);
    let removed = 0;
    for (const isKept of keep) {
      while (at === end && next !== null) {
        segment = next;
        ({ begin: at, end, next } = segment);
      }
      // Read before the next push, which may write to the same place.
      const [size, slot, delivery] = [segment.size(at), segment.slot(at), segment.delivery(at)];
      at++;
      const share = this.#remove(slot, 1, size);
      if (isKept) this.push(share, size, delivery);
      else removed += size;
    }
    if (this.#count === 0) this.#clear();
    return removed;
  }

  /** Takes the newest `count` entries from the list, but not from their shares. Returns where they still lie. */
  #cut(count: number): { segment: Segment; at: number; end: number; next: Segment | null } {
    this.#count -= count;
    let segment = this.#first;
    let before = this.#count;
    for (; before > segment.length && segment.next !== null; segment = segment.next) before -= segment.length;
    const { end, next } = segment;
    const at = segment.begin + before;
    segment.truncate(at);
    this.#last = segment;
    return { segment, at, end, next };
  }

  /** A segment for the next entry. A drained one is used again. */
  #extend(delivery: number): Segment {
    const capacity = Math.min(MAX_CAPACITY, Math.max(FIRST_CAPACITY, this.#count));
    const spare = this.#spare;
    this.#spare = null;
    const segment = spare !== null && spare.capacity >= capacity ? spare : new Segment(capacity);
    segment.empty(delivery);
    if (this.#count === 0) this.#first = segment;
    else this.#last.next = segment;
    this.#last = segment;
    return segment;
  }

  /** Nothing is left, and only the last segment. */
  #clear(): void {
    if (this.#last.capacity > KEPT_CAPACITY) this.#last = new Segment(FIRST_CAPACITY);
    if (this.#spare !== null && this.#spare.capacity > KEPT_CAPACITY) this.#spare = null;
    this.#first = this.#last;
    this.#first.empty(this.#first.since);
  }

  #enter(share: Share): void {
    share.slot = this.#freeSlots.pop() ?? this.#shares.length;
    this.#shares[share.slot] = share;
  }

  /** The oldest message is gone. */
  #removeOne(segment: Segment): number {
    const { begin } = segment;
    const size = segment.size(begin);
    this.#remove(segment.slot(begin), 1, size);
    segment.begin++;
    segment.bytes -= size;
    return 1;
  }

  /** All messages of the segment are gone. They have one sender. */
  #removeAll(segment: Segment): number {
    const { length, slots, bytes } = segment;
    this.#remove(slots, length, bytes);
    segment.begin = segment.end;
    segment.bytes = 0;
    return length;
  }

  /** Returns the share of the slot. */
  #remove(slot: number, messages: number, bytes: number): Share {
    const share = this.#shares[slot];
    invariant(share != null, 'each entry has its share');
    share.remove(messages, bytes);
    if (share.messages === 0) {
      this.#shares[slot] = null;
      this.#freeSlots.push(slot);
    }
    return share;
  }
}
