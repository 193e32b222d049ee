/**
 * Sends that the broker has not answered yet, in the order of their ids.
 *
 * Ids are consecutive modulo 2^32, so they are never stored: the entry of id `first + i` is the i-th. An entry that was
 * refused is a hole (`null`) until everything before it is answered as well.
 */
import { Fifo } from '../../../../broker/base/index.ts';
import type { Send } from './send.ts';

/** Half of the id space: a distance beyond it means "before", not "far ahead" (RFC 1982). */
const HALF = 0x8000_0000;

export class InFlight {
  readonly #entries = new Fifo<Send | null>();
  /** Id of the front entry. */
  #firstId: number;
  #count = 0;

  /** @param firstId id of the first send, u32 */
  constructor(firstId = 1) {
    this.#firstId = firstId >>> 0;
  }

  /** Entries without an answer. */
  get count(): number {
    return this.#count;
  }

  /** The id that the next push will have. */
  get nextId(): number {
    return (this.#firstId + this.#entries.length) >>> 0;
  }

  push(send: Send): void {
    this.#entries.push(send);
    this.#count++;
  }

  /** Hands every unanswered send up to `through` to `accept`; false when `through` was never sent. */
  acknowledge(through: number, accept: (send: Send) => void): boolean {
    const answered = (through - this.#firstId + 1) >>> 0;
    if (answered >= HALF) return true; // acknowledged before
    if (answered > this.#entries.length) return false;
    for (let i = 0; i < answered; i++) {
      const send = this.#take();
      if (send !== null) {
        this.#count--;
        accept(send);
      }
    }
    this.#dropHoles();
    return true;
  }

  /** Takes out the send that the broker refused; null when there is none with this id. */
  refuse(id: number): Send | null {
    const index = (id - this.#firstId) >>> 0;
    const send = this.#entries.at(index) ?? null;
    if (send === null) return null;
    this.#entries.replace(index, null);
    this.#count--;
    this.#dropHoles();
    return send;
  }

  /** Every unanswered send, in order. */
  visit(look: (send: Send) => void): void {
    for (let i = 0; i < this.#entries.length; i++) {
      const send = this.#entries.at(i) ?? null;
      if (send !== null) look(send);
    }
  }

  /** Empties it: the session is gone. In order. */
  drain(lose: (send: Send) => void): void {
    while (this.#entries.length > 0) {
      const send = this.#take();
      if (send !== null) {
        this.#count--;
        lose(send);
      }
    }
  }

  #take(): Send | null {
    this.#firstId = (this.#firstId + 1) >>> 0;
    return this.#entries.shift() ?? null;
  }

  #dropHoles(): void {
    while (this.#entries.length > 0 && this.#entries.at(0) === null) this.#take();
  }
}
