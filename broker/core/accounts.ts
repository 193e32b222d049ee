/**
 * Accounts: how much of the broker's memory each domain uses.
 *
 * Every byte that a domain makes the broker keep is charged to the account of that domain; strangers have one account
 * together. All accounts draw on one total. There is no fixed quota, because a quota that is safe for a hundred domains
 * is useless for three. Instead dbus-broker's rule decides (bus1/dbus-broker, src/util/user.c). With n accounts that
 * hold bytes, this one included, a charge is accepted if this is true after it:
 *
 *   held * (n + 1) <= total - bytes held by the others
 *
 * So each account leaves n times as many bytes free as it holds itself, and the next account always gets a part. After
 * any sequence of charges by n accounts, total / (n + 1) is free, and one more account gets
 * total / ((n + 1) * (n + 2)) of it.
 *
 * Proof. Number the n accounts by the time of their last charge, the oldest first. Let x(k) be the bytes that account k
 * holds. When k was charged last, the accounts 1 … k-1 held at least as much as they hold now, because they have only
 * released bytes since; so x(k) * (k + 1) <= total - x(1) - … - x(k-1). Let P(k) = total - x(1) - … - x(k). Then
 * P(k) >= P(k-1) * k / (k + 1), P(0) = total, and so P(n) >= total / (n + 1).
 *
 * A refused charge affects only its cause: the sender of the message gets EAGAIN, and is notified when there is room.
 * An accepted message is never taken back.
 */
import { invariant } from '../base/index.ts';

export class Account {
  /** Name of the domain, or another word for the purpose of the account. */
  readonly name: string;
  readonly #accounts: Accounts;
  #held = 0;
  #heldBack = 0;
  /** The smallest charge that waits for room; infinite while none waits. */
  #wanted = Number.POSITIVE_INFINITY;

  constructor(accounts: Accounts, name: string) {
    this.#accounts = accounts;
    this.name = name;
  }

  /** Bytes that this account holds now. */
  get held(): number {
    return this.#held;
  }

  /** How many charges were not accepted. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** The most bytes that this account could hold now if the others stay as they are. */
  get share(): number {
    const { free, holders } = this.#accounts;
    const n = this.#held === 0 ? holders + 1 : holders;
    return Math.floor((free + this.#held) / (n + 1));
  }

  /** Would `charge` accept these bytes? */
  hasRoom(bytes: number): boolean {
    const { free, holders } = this.#accounts;
    const n = this.#held === 0 ? holders + 1 : holders;
    return (this.#held + bytes) * (n + 1) <= free + this.#held;
  }

  /** Adds the bytes to the account. Returns false, and changes nothing, when that would exceed the account's share. */
  charge(bytes: number): boolean {
    if (!this.hasRoom(bytes)) {
      this.#heldBack++;
      return false;
    }
    if (bytes > 0) {
      this.#accounts.moved(bytes, this.#held === 0 ? 1 : 0);
      this.#held += bytes;
    }
    return true;
  }

  /** A sender waits until these bytes can be charged. `Accounts.takeReady` returns this account then. */
  wait(bytes: number): void {
    this.#wanted = Math.min(this.#wanted, bytes);
    this.#accounts.waits(this);
  }

  /** Only `Accounts` calls this. Returns true, and ends the wait, when the smallest waiting charge now fits. */
  isReady(): boolean {
    if (!this.hasRoom(this.#wanted)) return false;
    this.#wanted = Number.POSITIVE_INFINITY;
    return true;
  }

  /** Returns bytes that were charged before. */
  release(bytes: number): void {
    invariant(bytes >= 0 && bytes <= this.#held, 'an account gives back no more than it holds');
    if (bytes === 0) return;
    this.#held -= bytes;
    this.#accounts.moved(-bytes, this.#held === 0 ? -1 : 0);
  }
}

export class Accounts {
  /** Bytes that all accounts together may hold. */
  readonly total: number;
  #free: number;
  #holders = 0;
  readonly #waiting = new Set<Account>();
  /** Accounts of sessions by domain. There are at most as many as the inventory has had domains. */
  readonly #sessions = new Map<string, Account>();

  constructor(total: number) {
    this.total = total;
    this.#free = total;
  }

  get free(): number {
    return this.#free;
  }

  /** Accounts that hold something. */
  get holders(): number {
    return this.#holders;
  }

  open(name: string): Account {
    return new Account(this, name);
  }

  /**
   * The account for records that a domain has sent in part. All its sessions share it. It is separate from the account
   * for messages, because a domain with full rings must still be able to return credit.
   */
  ofSessions(name: string): Account {
    let account = this.#sessions.get(name);
    if (account === undefined) {
      account = this.open(name);
      this.#sessions.set(name, account);
    }
    return account;
  }

  /** Returns each account that waited for room and now has it, once. Costs nothing while none waits. */
  takeReady(): readonly Account[] {
    if (this.#waiting.size === 0) return NONE;
    const ready = [...this.#waiting].filter((account) => account.isReady());
    for (const account of ready) this.#waiting.delete(account);
    return ready;
  }

  /** Only `Account` calls this. */
  waits(account: Account): void {
    this.#waiting.add(account);
  }

  /** Only `Account` calls this. */
  moved(bytes: number, holders: -1 | 0 | 1): void {
    this.#free -= bytes;
    this.#holders += holders;
  }
}

const NONE: readonly Account[] = Object.freeze([]);
