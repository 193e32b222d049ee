/**
 * Sends to another broker that it has not decided yet, in the order of their ids between the brokers.
 *
 * Consecutive sends of a session that went out at one time are a run: one object, however many they are. A send has a
 * place of its own only in a list of numbers. A send that is refused out of order leaves a hole in it, so the index of an
 * id is always its distance from the first id.
 *
 *   runs:   [session 1, its ids 7-9][session 2, its id 4]
 *   places: [28][28][28]            [1 792]                  bytes, or HOLE
 *
 * Senders share the limit as accounts share memory (broker/core/accounts.ts): a sender must leave as much free as it
 * holds itself, for each other sender with undecided sends and for one more. So a sender that floods a slow broker
 * cannot stop the others from sending there. The copies are charged to the account of the sender.
 */
import { Fifo, invariant } from '../base/index.ts';
import type { Account, FrameSink } from '../core/index.ts';
import { MAX_UNDECIDED_BYTES, MAX_UNDECIDED_SENDS, UNDECIDED_HELD_BYTES } from './limits.ts';

/** Sends of one session that have found their outcome. */
export interface DecidedSends {
  readonly sink: FrameSink;
  /** Their ids in that session: `count` of them, from this one on. */
  readonly id: number;
  count: number;
}

interface Run {
  readonly sink: FrameSink;
  /** The account of the sender's sessions, which pays for the copies. */
  readonly account: Account;
  /** Time of the sends, on the monotonic clock. */
  readonly since: number;
  /** Id of the first place that is left, between the brokers and in the sender's session. */
  place: number;
  id: number;
  /** Places that are left. */
  count: number;
}

/** The undecided sends of one sender. */
interface Holding {
  bytes: number;
  sends: number;
}

const HALF = 2 ** 31;
/** A place whose send was refused. */
const HOLE = -1;

export class Undecided {
  readonly #runs = new Fifo<Run>();
  readonly #places = new Fifo<number>();
  /** Id of the first place. */
  #firstId = 1;
  bytes = 0;
  #sends = 0;
  readonly #holdings = new Map<Account, Holding>();
  /** The one that was used last. */
  #lastAccount: Account | null = null;
  #lastHolding: Holding | undefined = undefined;

  /**
   * True: another send with these bytes must wait until some sends of its sender are decided. The only send of a sender
   * never waits, whatever its length: its sender's account pays for it.
   */
  isFull(account: Account, bytes: number): boolean {
    const own = this.#holdingOf(account);
    if (own === undefined) return false;
    const users = this.#holdings.size;
    return (
      exceeds(own.bytes, bytes, this.bytes, users, MAX_UNDECIDED_BYTES) ||
      exceeds(own.sends, 1, this.#sends, users, MAX_UNDECIDED_SENDS)
    );
  }

  /**
   * @param id of the send in the session of `sink`
   * @returns the id of the send between the brokers; null when the sender's account has no room for it
   */
  push(sink: FrameSink, account: Account, id: number, bytes: number, since: number): number | null {
    if (!account.charge(bytes + UNDECIDED_HELD_BYTES)) return null;
    const place = (this.#firstId + this.#places.length) >>> 0;
    const last = this.#runs.at(this.#runs.length - 1);
    const goesOn = last !== undefined && last.sink === sink && last.account === account && last.since === since;
    if (goesOn && id === (last.id + last.count) >>> 0) last.count++;
    else this.#runs.push({ sink, account, since, place, id, count: 1 });
    this.#places.push(bytes);
    this.bytes += bytes;
    this.#sends++;
    const own = this.#holdingOf(account);
    if (own === undefined) this.#hold(account, { bytes, sends: 1 });
    else {
      own.bytes += bytes;
      own.sends++;
    }
    return place;
  }

  /** Time of the oldest undecided send; null when there is none. */
  get oldest(): number | null {
    let place = 0;
    for (let i = 0; i < this.#runs.length; i++) {
      const run = this.#runs.at(i);
      for (let left = run?.count ?? 0; left > 0; left--)
        if (this.#places.at(place++) !== HOLE) return run?.since ?? null;
    }
    return null;
  }

  /** Removes and returns all sends up to `through`, oldest first; null when that id was never sent. */
  acceptThrough(through: number): DecidedSends[] | null {
    const count = (through - this.#firstId + 1) >>> 0;
    if (count >= HALF) return [];
    if (count > this.#places.length) return null;
    const accepted: DecidedSends[] = [];
    for (let left = count; left > 0; ) {
      const run = this.#runs.at(0);
      invariant(run !== undefined, 'each place belongs to a run');
      const taken = Math.min(left, run.count);
      this.#take(run, taken, accepted);
      left -= taken;
      if (run.count === 0) this.#runs.shift();
    }
    this.#firstId = (this.#firstId + count) >>> 0;
    return accepted;
  }

  /** Takes the first `count` places of the first run. Adds its sends, without the holes, to `taken`. */
  #take(run: Run, count: number, taken: DecidedSends[]): void {
    let bytes = 0;
    let sends = 0;
    let part: DecidedSends | null = null;
    for (let i = 0; i < count; i++) {
      const length = this.#places.shift() ?? HOLE;
      if (length === HOLE) {
        part = null;
        continue;
      }
      bytes += length;
      sends++;
      if (part === null) {
        part = { sink: run.sink, id: (run.id + i) >>> 0, count: 0 };
        taken.push(part);
      }
      part.count++;
    }
    run.place = (run.place + count) >>> 0;
    run.id = (run.id + count) >>> 0;
    run.count -= count;
    this.#forget(run.account, bytes, sends);
  }

  /** Removes and returns one send; null when there is none with this id. */
  refuse(id: number): DecidedSends | null {
    const index = (id - this.#firstId) >>> 0;
    const bytes = this.#places.at(index) ?? HOLE;
    if (bytes === HOLE) return null;
    this.#places.replace(index, HOLE);
    const run = this.#runAt(index);
    this.#forget(run.account, bytes, 1);
    return { sink: run.sink, id: (run.id + ((id - run.place) >>> 0)) >>> 0, count: 1 };
  }

  /** The run of a place. A binary search, because there can be as many runs as sends. */
  #runAt(index: number): Run {
    let low = 0;
    for (let high = this.#runs.length - 1; low < high; ) {
      const middle = (low + high + 1) >>> 1;
      const place = this.#runs.at(middle)?.place ?? 0;
      if ((place - this.#firstId) >>> 0 <= index) low = middle;
      else high = middle - 1;
    }
    const run = this.#runs.at(low);
    invariant(run !== undefined, 'each place belongs to a run');
    return run;
  }

  drain(): DecidedSends[] {
    return this.acceptThrough((this.#firstId + this.#places.length - 1) >>> 0) ?? [];
  }

  #holdingOf(account: Account): Holding | undefined {
    if (account !== this.#lastAccount) {
      this.#lastAccount = account;
      this.#lastHolding = this.#holdings.get(account);
    }
    return this.#lastHolding;
  }

  #hold(account: Account, holding: Holding): void {
    this.#holdings.set(account, holding);
    this.#lastAccount = account;
    this.#lastHolding = holding;
  }

  #forget(account: Account, bytes: number, sends: number): void {
    if (sends === 0) return;
    account.release(bytes + sends * UNDECIDED_HELD_BYTES);
    this.bytes -= bytes;
    this.#sends -= sends;
    const own = this.#holdingOf(account);
    if (own === undefined) return;
    own.bytes -= bytes;
    own.sends -= sends;
    if (own.sends > 0) return;
    this.#holdings.delete(account);
    this.#lastHolding = undefined;
  }
}

/** dbus-broker's rule: `users` users together hold `held`, and this one, which is among them, holds `own`. */
function exceeds(own: number, more: number, held: number, users: number, total: number): boolean {
  return (own + more) * (users + 1) > total - (held - own);
}
