/**
 * Accounts: who holds how much of the broker's memory.
 *
 * Every byte that a domain makes the broker keep is charged to the account of that domain; strangers have one account
 * together. All accounts draw on one total. There is no fixed quota, because a quota that is safe for a hundred domains
 * is useless for three. Instead dbus-broker's rule decides (bus1/dbus-broker, src/util/user.c). With n accounts that hold
 * something, this one included, a charge is accepted if afterwards
 *
 *   held * (n + 1) <= total - what the others hold
 *
 * So each account leaves free n times what it takes itself, and the next one always gets a part. Whatever n accounts
 * have done, total / (n + 1) is free, and one more gets total / ((n + 1) * (n + 2)) of it.
 *
 * Proof. Number the n accounts by the time of their last charge, the oldest first, and let x(k) be what number k holds.
 * When k was charged last, the accounts 1 … k-1 held at least what they hold now, because they have only given back
 * since; so x(k) * (k + 1) <= total - x(1) - … - x(k-1). Let P(k) = total - x(1) - … - x(k). Then
 * P(k) >= P(k-1) * k / (k + 1), P(0) = total, and so P(n) >= total / (n + 1).
 *
 * A charge that is not accepted pushes back on its cause only: the sender of a message gets EAGAIN and is told when there
 * is room. Nothing that was accepted is ever taken back.
 */
import { invariant } from '../base/index.ts';

export class Account {
  /** Name of the domain, or what else the account is for. */
  readonly name: string;
  readonly #accounts: Accounts;
  #held = 0;
  #heldBack = 0;
  /** The smallest charge that waits for room; no limit when none does. */
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

  /** The most that this account could hold now, bytes, if the others keep what they have. */
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

  /** Takes the bytes into the account; false when that would be more than its share, which changes nothing. */
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

  /** Somebody waits until these bytes could be charged: `Accounts.takeReady` will name this account then. */
  wait(bytes: number): void {
    this.#wanted = Math.min(this.#wanted, bytes);
    this.#accounts.waits(this);
  }

  /** For `Accounts` alone. True when what waits could be charged; it waits no longer then. */
  isReady(): boolean {
    if (!this.hasRoom(this.#wanted)) return false;
    this.#wanted = Number.POSITIVE_INFINITY;
    return true;
  }

  /** Gives bytes back that were charged before. */
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
  /** Those of sessions, by domain: no more than the inventory has had. */
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
   * For what a domain has half sent, one account for all its sessions. It is not the account that its messages are charged
   * to: a domain whose rings are full must still be able to say that it has consumed something.
   */
  ofSessions(name: string): Account {
    let account = this.#sessions.get(name);
    if (account === undefined) {
      account = this.open(name);
      this.#sessions.set(name, account);
    }
    return account;
  }

  /** Accounts that waited for room and have it now, each once. Costs nothing while none waits. */
  takeReady(): readonly Account[] {
    if (this.#waiting.size === 0) return NONE;
    const ready = [...this.#waiting].filter((account) => account.isReady());
    for (const account of ready) this.#waiting.delete(account);
    return ready;
  }

  /** For `Account` alone. */
  waits(account: Account): void {
    this.#waiting.add(account);
  }

  /** For `Account` alone. */
  moved(bytes: number, holders: -1 | 0 | 1): void {
    this.#free -= bytes;
    this.#holders += holders;
  }
}

const NONE: readonly Account[] = Object.freeze([]);
