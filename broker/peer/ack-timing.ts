/**
 * When an acknowledgement may wait for company.
 *
 * Every record to a peer wakes its process, and an acknowledgement alone does so for 12 bytes. In a conversation (a request
 * whose reply comes back a moment later) it can ride on the reply; TCP does the same and calls it pingpong mode (RFC 1122
 * §4.2.3.2, Linux `inet_csk_enter_pingpong_mode`). It is kept only if something was delivered to the peer between its last
 * two records of sends, and for a millisecond at most: who waits for each acknowledgement before it sends on, and receives
 * nothing, never waits longer for it.
 */
import { ACK_DELAY_MS } from '../limits.ts';

export class AckTiming {
  readonly #onOverdue: () => void;
  #kept: number | null = null;
  #isConversation = false;
  #hasDelivered = false;
  #timer: NodeJS.Timeout | null = null;

  /** `onOverdue`: nothing came to ride on, so `take` it now. */
  constructor(onOverdue: () => void) {
    this.#onOverdue = onOverdue;
  }

  /** Something was delivered to the peer. */
  delivered(): void {
    this.#hasDelivered = true;
  }

  /** The peer has sent: what it was delivered since the last time tells whether a reply is likely. */
  sent(): void {
    this.#isConversation = this.#hasDelivered;
    this.#hasDelivered = false;
  }

  /** Keeps the acknowledgement, if it may wait; false = send it. */
  keep(through: number): boolean {
    if (!this.#isConversation) return false;
    this.#kept = through;
    if (this.#timer === null) this.#timer = setTimeout(() => this.#overdue(), ACK_DELAY_MS);
    else this.#timer.refresh();
    return true;
  }

  /** What was kept, which the caller sends now; null = nothing. */
  take(): number | null {
    const kept = this.#kept;
    this.#kept = null;
    return kept;
  }

  cancel(): void {
    this.#kept = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #overdue(): void {
    if (this.#kept !== null) this.#onOverdue();
  }
}
