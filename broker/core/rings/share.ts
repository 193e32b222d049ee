/** One sender's messages in one ring. */

import type { DomainBase } from '../domain-base.ts';
import type { FrameSink } from '../frame-sink.ts';

export class Share {
  readonly sender: DomainBase;
  /** Ring bytes: headers and padding included. */
  bytes = 0;
  messages = 0;
  /** Its place in the ledger while it has messages there. The ledger sets it. */
  slot = 0;
  /**
   * Set when an ordered send gets EAGAIN; cleared by a send with the flag `resume` (SendFlag). Holds the session in
   * which it happened, so that a new session of the sender starts without a gate.
   */
  gate: FrameSink | null = null;
  readonly #onActive: (delta: 1 | -1) => void;

  /** `onActive` updates the ring's number of senders that have messages in it. */
  constructor(sender: DomainBase, onActive: (delta: 1 | -1) => void) {
    this.sender = sender;
    this.#onActive = onActive;
  }

  add(size: number): void {
    if (this.messages++ === 0) this.#onActive(1);
    this.bytes += size;
  }

  remove(messages: number, bytes: number): void {
    this.bytes -= bytes;
    this.messages -= messages;
    if (this.messages === 0) this.#onActive(-1);
  }
}
