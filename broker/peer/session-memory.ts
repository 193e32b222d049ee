/**
 * What one session makes the broker hold beside its messages: a record that has not come whole, what was read and waits for
 * its turn, answers that are not read, and what its carrier keeps.
 *
 * The first SESSION_FREE_BYTES are not charged: that is a constant for each session. What is above is charged to the
 * account of the domain's sessions (broker/core/accounts.ts), strangers on TCP together. When the account has no room, the
 * session is not read until it has: so the owner of the bytes waits, and nobody else.
 */
import type { Account } from '../core/index.ts';
import { SESSION_FREE_BYTES } from '../process/index.ts';

export class SessionMemory {
  #account: Account;
  readonly #onReleased: () => void;
  #charged = 0;

  /** `onReleased`: others may have waited for what was given back. */
  constructor(account: Account, onReleased: () => void) {
    this.#account = account;
    this.#onReleased = onReleased;
  }

  /** Settles the account for `held` bytes; false when it has no room for them. What it lacks is then not charged. */
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

  /** A stranger has proved who it is: its domain pays from now on. */
  moveTo(account: Account): void {
    this.settle(0);
    this.#account = account;
  }

  /** The session is over. */
  close(): void {
    this.settle(0);
  }
}
