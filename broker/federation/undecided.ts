/**
 * Sends to another broker that it has not decided yet, in the order of their ids between the brokers.
 *
 * A send that is refused out of order leaves a hole. So the index of an id is always its distance from the first id.
 *
 * Senders share the limit as accounts share memory (broker/core/accounts.ts): a sender must leave as much free as it
 * holds itself, for each other sender with undecided sends and for one more. So a sender that floods a slow broker
 * cannot stop the others from sending there. The copies are charged to the account of the sender.
 */
import type { Account, FrameSink } from '../core/index.ts';
import { MAX_UNDECIDED_BYTES, MAX_UNDECIDED_SENDS, UNDECIDED_HELD_BYTES } from './limits.ts';

export interface UndecidedSend {
  /** The sender's session, and the id of the send in that session. */
  readonly sink: FrameSink;
  /** The account of the sender's sessions, which pays for the copy. */
  readonly account: Account;
  readonly id: number;
  readonly bytes: number;
  /** Time of the send, on the monotonic clock. */
  readonly since: number;
}

/** The undecided sends of one sender. */
interface Holding {
  bytes: number;
  sends: number;
}

const HALF = 2 ** 31;
const MIN_DROPPED = 1_024;

export class Undecided {
  #entries: (UndecidedSend | null)[] = [];
  /** Entries before it are decided. They are dropped only now and then, because each drop moves all other entries. */
  #head = 0;
  /** Id of the entry at `#head`. */
  #firstId = 1;
  bytes = 0;
  #sends = 0;
  readonly #holdings = new Map<Account, Holding>();

  /**
   * True: another send with these bytes must wait until some sends of its sender are decided. The only send of a sender
   * never waits, whatever its length: its sender's account pays for it.
   */
  isFull(account: Account, bytes: number): boolean {
    const own = this.#holdings.get(account);
    if (own === undefined) return false;
    const users = this.#holdings.size;
    return (
      exceeds(own.bytes, bytes, this.bytes, users, MAX_UNDECIDED_BYTES) ||
      exceeds(own.sends, 1, this.#sends, users, MAX_UNDECIDED_SENDS)
    );
  }

  /** Returns the id of the send between the brokers; null when the sender's account has no room for it. */
  push(send: UndecidedSend): number | null {
    const { account, bytes } = send;
    if (!account.charge(bytes + UNDECIDED_HELD_BYTES)) return null;
    this.#entries.push(send);
    this.bytes += bytes;
    this.#sends++;
    const own = this.#holdings.get(account);
    if (own === undefined) this.#holdings.set(account, { bytes, sends: 1 });
    else {
      own.bytes += bytes;
      own.sends++;
    }
    return (this.#firstId + this.#entries.length - this.#head - 1) >>> 0;
  }

  /** Time of the oldest undecided send; null when there is none. */
  get oldest(): number | null {
    for (let index = this.#head; index < this.#entries.length; index++) {
      const entry = this.#entries[index] ?? null;
      if (entry !== null) return entry.since;
    }
    return null;
  }

  /** Removes and returns all sends up to `through`, oldest first; null when that id was never sent. */
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

  /** Removes and returns one send; null when there is none with this id. */
  refuse(id: number): UndecidedSend | null {
    const index = this.#head + ((id - this.#firstId) >>> 0);
    const entry = this.#entries[index] ?? null;
    if (entry === null) return null;
    this.#entries[index] = null;
    return this.#forget(entry);
  }

  drain(): UndecidedSend[] {
    const rest = this.#entries.filter((entry) => entry !== null);
    for (const entry of rest) this.#forget(entry);
    this.#entries = [];
    this.#head = 0;
    return rest;
  }

  #forget(entry: UndecidedSend): UndecidedSend {
    const { account, bytes } = entry;
    account.release(bytes + UNDECIDED_HELD_BYTES);
    this.bytes -= bytes;
    this.#sends--;
    const own = this.#holdings.get(account);
    if (own !== undefined) {
      own.bytes -= bytes;
      own.sends--;
      if (own.sends === 0) this.#holdings.delete(account);
    }
    return entry;
  }
}

/** dbus-broker's rule: `users` users together hold `held`, and this one, which is among them, holds `own`. */
function exceeds(own: number, more: number, held: number, users: number, total: number): boolean {
  return (own + more) * (users + 1) > total - (held - own);
}
