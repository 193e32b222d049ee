/** What one sender has lying in one ring. */

import type { DomainBase } from '../domain-base.ts';
import type { FrameSink } from '../frame-sink.ts';

export class Share {
  readonly sender: DomainBase;
  /** Ring bytes: headers and padding included. */
  bytes = 0;
  messages = 0;
  /**
   * Set by an EAGAIN to an ordered send, lifted by one that resumes (SendFlag). Holds the session it happened in, so that
   * a new session of the sender starts ungated.
   */
  gate: FrameSink | null = null;
  readonly #onActive: (delta: 1 | -1) => void;

  /** `onActive` keeps the ring's number of senders that have something in it. */
  constructor(sender: DomainBase, onActive: (delta: 1 | -1) => void) {
    this.sender = sender;
    this.#onActive = onActive;
  }

  add(size: number): void {
    if (this.messages++ === 0) this.#onActive(1);
    this.bytes += size;
  }

  remove(size: number): void {
    this.bytes -= size;
    if (--this.messages === 0) this.#onActive(-1);
  }
}
