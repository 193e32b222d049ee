/**
 * The memory that one session uses in the broker besides its messages: a partly received record, received bytes that
 * wait for a turn, answers that the peer has not read, and the buffers of its carrier,
 * sealed messages among them.
 *
 * The first SESSION_FREE_BYTES of each session are not charged. The rest is charged to the account of the domain's
 * sessions (broker/core/accounts.ts); strangers on TCP share one account. While the account has no room, the session is
 * not read. So only the owner of the bytes waits.
 */
import type { Account } from '../core/index.ts';
import { SESSION_FREE_BYTES } from '../process/index.ts';

export class SessionMemory {
  #account: Account;
  readonly #onReleased: () => void;
  #charged = 0;

  /** `onReleased` is called when memory was released, because another account may be waiting for it. */
  constructor(account: Account, onReleased: () => void) {
    this.#account = account;
    this.#onReleased = onReleased;
  }

  /**
   * Settles the account for `held` bytes. False: the account has no room for the additional bytes; they are not
   * charged.
   */
  settle(held: number): boolean {
    const due = held <= SESSION_FREE_BYTES ? 0 : held;
    const more = due - this.#charged;
    if (more === 0) return true;
    if (more > 0 && !this.#account.charge(more)) return false;
    if (more < 0) this.#account.release(-more);
    this.#charged = due;
    if (more < 0) this.#onReleased();
    return true;
  }

  /** A stranger has authenticated: its domain pays from now on. */
  moveTo(account: Account): void {
    this.settle(0);
    this.#account = account;
  }

  /** The session has ended. */
  close(): void {
    this.settle(0);
  }
}
