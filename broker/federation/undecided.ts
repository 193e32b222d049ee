/**
 * Sends that went to another broker and that it has not decided yet, in the order of their ids on the link.
 *
 * What is answered out of turn leaves a hole, so that an id's place is its distance from the first.
 */
import type { FrameSink } from '../core/index.ts';
import { MAX_UNDECIDED_BYTES, MAX_UNDECIDED_SENDS } from './limits.ts';

export interface UndecidedSend {
  /** The sender's session, and the id it gave the send there. */
  readonly sink: FrameSink;
  readonly id: number;
  readonly bytes: number;
  /** When it went out, on the monotonic clock. */
  readonly since: number;
}

const HALF = 2 ** 31;
const MIN_DROPPED = 1_024;

export class Undecided {
  #entries: (UndecidedSend | null)[] = [];
  /** Entries before it are done with; dropped from time to time, since each time would move all the others. */
  #head = 0;
  /** Of the entry at `#head`. */
  #firstId = 1;
  bytes = 0;

  /** Another one with these bytes must wait until some are decided; a single one of any length never does. */
  isFull(bytes: number): boolean {
    if (this.bytes === 0) return false;
    return this.bytes + bytes > MAX_UNDECIDED_BYTES || this.#entries.length - this.#head >= MAX_UNDECIDED_SENDS;
  }

  /** Returns the link's id for it. */
  push(send: UndecidedSend): number {
    this.#entries.push(send);
    this.bytes += send.bytes;
    return (this.#firstId + this.#entries.length - this.#head - 1) >>> 0;
  }

  /** When the oldest of them went out; null when there is none. */
  get oldest(): number | null {
    for (let index = this.#head; index < this.#entries.length; index++) {
      const entry = this.#entries[index] ?? null;
      if (entry !== null) return entry.since;
    }
    return null;
  }

  /** Takes out all up to `through`, oldest first; null when it was never sent. */
  acceptThrough(through: number): UndecidedSend[] | null {
    const count = (through - this.#firstId + 1) >>> 0;
    if (count >= HALF) return [];
    if (count > this.#entries.length - this.#head) return null;
    const accepted: UndecidedSend[] = [];
    for (let left = count; left > 0; left--) {
      const entry = this.#entries[this.#head] ?? null;
      if (entry !== null) accepted.push(this.#forget(entry));
      this.#entries[this.#head++] = null;
    }
    this.#firstId = (this.#firstId + count) >>> 0;
    if (this.#head >= MIN_DROPPED && this.#head * 2 >= this.#entries.length) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    return accepted;
  }

  /** Takes out one; null when it is not there. */
  refuse(id: number): UndecidedSend | null {
    const index = this.#head + ((id - this.#firstId) >>> 0);
    const entry = this.#entries[index] ?? null;
    if (entry === null) return null;
    this.#entries[index] = null;
    return this.#forget(entry);
  }

  drain(): UndecidedSend[] {
    const rest = this.#entries.filter((entry) => entry !== null);
    this.#entries = [];
    this.#head = 0;
    this.bytes = 0;
    return rest;
  }

  #forget(entry: UndecidedSend): UndecidedSend {
    this.bytes -= entry.bytes;
    return entry;
  }
}
