/**
 * Events that domains and strangers can cause at will are collapsed in windows of FLOOD_WINDOW_MS, counted exactly, and
 * paid from the share of their cause. Only the domain that causes a flood waits for its answers until the records are
 * written.
 *
 * Events that an account cannot pay for are not written one by one. At the end of the window one `audit.withheld` per
 * account says how many events of each kind there were.
 */
import type { Decision, Denial, Permit } from '../../../../policy/contract/index.ts';
import type { Clock } from '../../../base/index.ts';
import type { AuditEvent, DenialContext, Detail } from '../../../record/index.ts';
import { type Bodies, deniedEvent, type Moment } from '../../body.ts';
import { encodeBody } from '../../chain.ts';
import { FLOOD_WINDOW_MS, LINE_FRAME_BYTES } from '../../limits.ts';
import type { Committer } from '../committer.ts';
import type { QueuedCount, QueuedRecord, Waiter } from '../queued.ts';
import { accountOf } from './account-of.ts';
import { Collapse, type Tally } from './collapse.ts';
import type { LogAccount, LogAccounts } from './log-accounts.ts';
import { type Repeat, Repeats, summed } from './repeats.ts';
import { Withheld, type WithheldSum } from './withheld.ts';

export class Flood {
  readonly #committer: Committer;
  readonly #bodies: Bodies;
  readonly #clock: Clock;
  readonly #accounts: LogAccounts;
  readonly #collapse = new Collapse();
  readonly #repeats = new Repeats();
  readonly #withheld = new Withheld();
  /** Waiters for held records, until the window ends. */
  #waiting: Waiter[] = [];
  #cancel: (() => void) | null = null;

  constructor(committer: Committer, bodies: Bodies, clock: Clock, accounts: LogAccounts) {
    this.#committer = committer;
    this.#bodies = bodies;
    this.#clock = clock;
    this.#accounts = accounts;
  }

  /** Queues the record of an event, or counts it until the window ends. */
  record(event: AuditEvent, at: Moment): void {
    const account = accountOf(event, this.#accounts);
    if (account !== null) {
      if (this.#cancel === null) this.#arm();
      if (this.#repeats.hold(event, at, account, () => this.#accounts.pay(account))) return;
    }
    this.#queue(account, event, at);
  }

  denied(denial: Denial, port: number | null, bytes: number, context: DenialContext): void {
    const tally = this.#collapse.tally(denial, port, context);
    const now = this.#clock.wall();
    if (tally.count === 0) this.#begin(tally, now);
    tally.count += 1;
    tally.bytes += bytes;
    tally.until = now;
  }

  /** Can the sender pay for a record now? */
  canPay(permit: Permit): boolean {
    return this.#accounts.canPay(this.#accounts.of(permit.source));
  }

  /** The record of a strict message is always its own. The caller has asked `canPay`. */
  strict(permit: Permit, port: number, bytes: number, detail: Detail, at: Moment): void {
    const account = this.#accounts.of(permit.source);
    this.#accounts.pay(account);
    this.#queue(account, { event: 'send.allowed', by: permit, port, bytes, detail }, at);
  }

  /** Pays for the record of a count, of a flow or of denials; false: it keeps counting. */
  payCount({ source }: Decision): boolean {
    return this.#accounts.pay(this.#accounts.of(source));
  }

  settleCount({ source }: Decision, body: string): void {
    settle(this.#accounts.of(source), body);
  }

  /** Is a record of this domain (by name) held? Without a name: of any domain. */
  isHolding(source: string | undefined): boolean {
    return this.#collapse.holds(source) || this.#repeats.holds(source);
  }

  wait(waiter: Waiter): void {
    this.#waiting.push(waiter);
  }

  takeWaiters(): readonly Waiter[] {
    const waiters = this.#waiting;
    this.#waiting = [];
    return waiters;
  }

  /** Ends the window: the held records are queued for the disk, one by one or as a sum. */
  release(): void {
    for (const tally of this.#collapse.turn()) {
      if (this.#accounts.pay(this.#accounts.of(tally.denial.source)))
        this.#committer.queueCounts([this.#queued(tally)]);
      else this.#withholdDenials(tally);
    }
    for (const repeat of this.#repeats.turn()) {
      if (!repeat.isMixed && this.#accounts.pay(repeat.account))
        this.#queue(repeat.account, summed(repeat), repeat.at, repeat);
      else this.#withholdEvents(repeat);
    }
    for (const sum of this.#withheld.turn()) this.#state(sum);
    this.#committer.wait(this.takeWaiters());
  }

  /** Stops the timer of the window. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #queue(account: LogAccount | null, event: AuditEvent, at: Moment, seen?: Repeat): void {
    const body = encodeBody(this.#bodies.event(at, event, seen));
    if (account !== null) settle(account, body);
    this.#committer.queue({ event: event.event, count: seen?.count ?? 1, body });
  }

  #begin(tally: Tally, now: number): void {
    tally.time = now;
    tally.mono = this.#clock.mono();
    if (this.#cancel === null) this.#arm();
    if (tally.promptLeft === 0 || !this.#accounts.pay(this.#accounts.of(tally.denial.source))) {
      this.#collapse.hold(tally);
      return;
    }
    tally.promptLeft -= 1;
    this.#committer.queueCounts([this.#queued(tally)]);
  }

  #queued(tally: Tally): QueuedCount {
    return {
      get count() {
        return tally.count;
      },
      fix: () => this.#fix(tally),
    };
  }

  #fix(tally: Tally): QueuedRecord {
    const { denial, port, context, count } = tally;
    const body = encodeBody(this.#bodies.denied(tally, denial, port, tally, context));
    settle(this.#accounts.of(denial.source), body);
    tally.count = 0;
    tally.bytes = 0;
    return { event: deniedEvent(denial), count, body };
  }

  // ---- beyond the share

  #withholdDenials(tally: Tally): void {
    const { denial, count, bytes, until } = tally;
    const account = this.#accounts.of(denial.source);
    this.#withheld.add(account, deniedEvent(denial), { count, messages: 0, bytes }, tally, until);
    tally.count = 0;
    tally.bytes = 0;
  }

  #withholdEvents({ account, event, count, messages, bytes, at, until }: Repeat): void {
    this.#withheld.add(account, event.event, { count, messages, bytes }, at, until);
  }

  /** Always written: the minimum share covers one such record per window and account. */
  #state(sum: WithheldSum): void {
    const body = encodeBody(this.#bodies.withheld(sum, sum.account.domain, sum.account.name, sum));
    sum.account.charge(lineBytes(body));
    this.#committer.queue({ event: 'audit.withheld', count: sum.count, body });
  }

  #arm(): void {
    this.#cancel = this.#clock.after(FLOOD_WINDOW_MS, () => {
      this.#cancel = null;
      // While the log is failing the tuples only keep counting, so a flood cannot use more memory.
      if (!this.#committer.isFailing) this.release();
      if (!this.#collapse.empty || !this.#repeats.empty) this.#arm();
    });
  }
}

function settle(account: LogAccount, body: string): void {
  account.settle(lineBytes(body));
}

function lineBytes(body: string): number {
  return Buffer.byteLength(body) + LINE_FRAME_BYTES;
}
