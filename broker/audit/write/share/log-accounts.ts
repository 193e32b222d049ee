/**
 * The share of the log that each domain has, in bytes an hour.
 *
 * Every record that a domain can cause at will is paid from the account of that domain. Strangers have one account
 * together. Incidents with keys have an account of their own, so that strangers cannot crowd them out. An account is a
 * token bucket: it holds at most a sixteenth of the hour's share, and refills evenly. A record is paid before the
 * length of its line is known, at RECORD_PRICE_BYTES; the difference is settled later.
 *
 * Accounts are for domains of the inventory, so their number is bounded.
 */
import type { Domain } from '../../../../policy/contract/index.ts';
import type { Clock } from '../../../base/index.ts';
import { HOUR_MS, LOG_BURST_PARTS, RECORD_PRICE_BYTES } from '../../limits.ts';
import type { LogShare } from '../../log.ts';

export class LogAccount {
  /** The name of the domain, or a name that no domain can have. */
  readonly name: string;
  /** The domain as of its last paid record; null: strangers, keys. */
  domain: Domain | null = null;
  readonly #capacity: number;
  readonly #perMs: number;
  #left: number;
  #at: number;
  /** Events that were counted instead of written, since the log was opened. */
  withheld = 0;

  constructor(name: string, bytesPerHour: number, now: number) {
    this.name = name;
    this.#capacity = bytesPerHour / LOG_BURST_PARTS;
    this.#perMs = (bytesPerHour - this.#capacity) / HOUR_MS;
    this.#left = this.#capacity;
    this.#at = now;
  }

  /** Bytes that may be written now. Negative after a line that was longer than its price. */
  left(now: number): number {
    this.#left = Math.min(this.#capacity, this.#left + (now - this.#at) * this.#perMs);
    this.#at = now;
    return this.#left;
  }

  canPay(now: number): boolean {
    return this.left(now) >= RECORD_PRICE_BYTES;
  }

  /** Pays for one record. False: the share is used up, and nothing was paid. */
  pay(now: number): boolean {
    if (!this.canPay(now)) return false;
    this.#left -= RECORD_PRICE_BYTES;
    return true;
  }

  /** Corrects the price of a paid record, once the length of its line is known. */
  settle(lineBytes: number): void {
    this.#left = Math.min(this.#capacity, this.#left + RECORD_PRICE_BYTES - lineBytes);
  }

  /** Charges the bytes of a record that is always written. */
  charge(lineBytes: number): void {
    this.#left -= lineBytes;
  }
}

/** Names that no domain can have. */
const STRANGERS = '(strangers)';
const KEYS = '(keys)';

export class LogAccounts {
  readonly #bytesPerHour: number;
  readonly #now: Clock['mono'];
  readonly #byName = new Map<string, LogAccount>();

  constructor(bytesPerHour: number, now: Clock['mono']) {
    this.#bytesPerHour = bytesPerHour;
    this.#now = now;
  }

  /** @param domain null: strangers */
  of(domain: Domain | null): LogAccount {
    const account = this.#open(domain?.name ?? STRANGERS);
    account.domain = domain;
    return account;
  }

  /** The account for incidents with keys. */
  get keys(): LogAccount {
    return this.#open(KEYS);
  }

  pay(account: LogAccount): boolean {
    return account.pay(this.#now());
  }

  canPay(account: LogAccount): boolean {
    return account.canPay(this.#now());
  }

  shares(): readonly LogShare[] {
    const now = this.#now();
    return [...this.#byName.values()].map((account) => ({
      name: account.name,
      left: Math.max(0, Math.floor(account.left(now))),
      withheld: account.withheld,
    }));
  }

  #open(name: string): LogAccount {
    let account = this.#byName.get(name);
    if (account === undefined) {
      account = new LogAccount(name, this.#bytesPerHour, this.#now());
      this.#byName.set(name, account);
    }
    return account;
  }
}
