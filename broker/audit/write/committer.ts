/**
 * Group commit: writes the queued records to disk, and recovers after the disk failed.
 *
 *   queue --> pending --commit--> disk --> waiters: true
 *                ^                  | fails
 *                |                  v
 *             (bounded)          failed: healthy = false, waiters: false, retry each second
 *
 * Invariants: one commit or retry runs at a time (`#running`); a record that was queued earlier gets the smaller seq; a
 * waiter is answered exactly once; while `#failure` is set only a retry commits, and its first record states the
 * failure.
 */
import type { Clock } from '../../base/index.ts';
import type { Detail } from '../../record/index.ts';
import { type Bodies, type Moment, rfc3339 } from '../body.ts';
import { encodeBody } from '../chain.ts';
import { AuditError } from '../errors.ts';
import { FLOWS_PER_COMMIT, MAX_RETAINED_RECORDS, RETRY_MS } from '../limits.ts';
import type { TornTail } from '../read/end.ts';
import { ClockSteps } from './clock-steps.ts';
import { Health } from './health.ts';
import { answer, type QueuedCount, type QueuedRecord, type Waiter } from './queued.ts';
import type { SegmentLog } from './segment-log.ts';
import { Losses } from './share/losses.ts';
import type { Signing } from './signing.ts';

/** Counts that wait outside of the queue. They are taken in portions, as fast as the disk allows. */
export interface CountSource {
  readonly isDue: boolean;
  take(limit: number): readonly QueuedRecord[];
}

/** The time and the reason of a failure to write the log. */
interface Failure {
  readonly code: string;
  readonly since: number;
  attempts: number;
}

export class Committer {
  readonly #segments: SegmentLog;
  readonly #signing: Signing;
  readonly #bodies: Bodies;
  readonly #clock: Clock;
  readonly #clockSteps: ClockSteps;
  readonly health = new Health();
  readonly #losses = new Losses();
  /** Set once, by the writer. */
  counts: CountSource = { isDue: false, take: () => [] };
  /**
   * Waiters that wait for the end of a window. If the log fails they are answered with the others. The writer sets it
   * once.
   */
  takeHeldWaiters: () => readonly Waiter[] = () => [];

  #pending: (QueuedRecord | QueuedCount)[] = [];
  /** Waiters for the pending records, and so also for the records that are being written before them. */
  #waiting: Waiter[] = [];
  #failure: Failure | null = null;
  /** The batch whose write failed. It goes before the pending records. */
  #failed: QueuedRecord[] = [];

  /** The running commit or retry; resolved when there is none. Never rejects. */
  #running: Promise<void> = Promise.resolve();
  #busy = false;
  #isClosing = false;
  #cancelRetry: (() => void) | null = null;

  constructor(segments: SegmentLog, signing: Signing, bodies: Bodies, clock: Clock) {
    this.#segments = segments;
    this.#signing = signing;
    this.#bodies = bodies;
    this.#clock = clock;
    this.#clockSteps = new ClockSteps(clock);
    signing.onDue = () => this.kick();
  }

  get isFailing(): boolean {
    return this.#failure !== null;
  }

  // ---- queueing

  /** Records that wait for the disk; those of a write that is under way are not among them. */
  get backlog(): number {
    return this.#failed.length + this.#pending.length;
  }

  /** False: the next record would be lost. */
  get hasRoom(): boolean {
    return this.backlog < MAX_RETAINED_RECORDS;
  }

  /** Queues a record, or counts it as lost when too many wait for the disk. */
  queue(record: QueuedRecord): void {
    if (!this.hasRoom) {
      this.#losses.add(record.event, record.count);
      // Without this, a disk that is slow but does not fail would lose records silently.
      if (this.#failure === null) this.#fail('BACKLOG', []);
      return;
    }
    this.#pending.push(record);
    this.kick();
  }

  /** Queues counts that are still growing. Domains cannot cause many of them. */
  queueCounts(counts: readonly QueuedCount[]): void {
    if (counts.length === 0) return;
    this.#pending.push(...counts);
    this.kick();
  }

  wait(waiters: readonly Waiter[]): void {
    if (waiters.length === 0) return;
    this.#waiting.push(...waiters);
    this.kick();
  }

  /** There may be work. */
  kick(): void {
    if (this.#busy || this.#failure !== null || !this.#hasWork) return;
    this.#busy = true;
    // In a microtask, so that all records of one turn belong to one commit.
    this.#running = Promise.resolve().then(() => this.#commitAll());
  }

  get #hasWork(): boolean {
    return this.#pending.length > 0 || this.#waiting.length > 0 || this.counts.isDue || this.#signing.isDue;
  }

  #takePending(): QueuedRecord[] {
    const taken = this.#pending.map((entry) => ('fix' in entry ? entry.fix() : entry));
    this.#pending = [];
    return taken;
  }

  // ---- committing

  async #commitAll(): Promise<void> {
    while (this.#failure === null && this.#hasWork) {
      const batch = this.#withClock([...this.#takePending(), ...this.counts.take(FLOWS_PER_COMMIT)]);
      const waiters = this.#waiting;
      this.#waiting = [];
      const fault = await this.#append(batch);
      if (fault !== null) this.#fail(fault, batch);
      answer(waiters, fault === null);
      if (fault === null && this.#signing.shouldSign()) await this.#signing.sign();
    }
    this.#busy = false;
    // A backlog can fail the log while its last commit is still succeeding.
    if (this.#failure !== null) this.#armRetry();
  }

  /** Adds a record about a clock step before the first records with the new time. */
  #withClock(batch: readonly QueuedRecord[]): readonly QueuedRecord[] {
    const step = batch.length === 0 ? null : this.#clockSteps.look();
    if (step === null) return batch;
    const detail: Detail = { byMs: step.byMs, expected: rfc3339(step.expected) };
    const reason = step.byMs < 0 ? 'BACK' : 'FORWARD';
    const body = this.#bodies.own(momentOf(this.#clock), 'audit.clock', detail, reason);
    return [{ event: 'audit.clock', count: 1, body: encodeBody(body) }, ...batch];
  }

  /** Null = on disk; else the error code. */
  async #append(batch: readonly QueuedRecord[]): Promise<string | null> {
    if (batch.length === 0) return null;
    try {
      await this.#segments.append(batch.map((record) => record.body));
      return null;
    } catch (error) {
      return faultCode(error);
    }
  }

  // ---- failing and recovering

  #fail(code: string, batch: readonly QueuedRecord[]): void {
    this.#failed = [...batch, ...this.#failed];
    this.#failure ??= { code, since: this.#clock.wall(), attempts: 0 };
    const waiters = [...this.#waiting, ...this.takeHeldWaiters()];
    this.#waiting = [];
    this.health.set(false);
    answer(waiters, false);
  }

  #armRetry(): void {
    if (this.#isClosing || this.#cancelRetry !== null) return;
    this.#cancelRetry = this.#clock.after(RETRY_MS, () => {
      this.#cancelRetry = null;
      this.#startRetry();
    });
  }

  #startRetry(): void {
    this.#busy = true;
    this.#running = this.#retry();
  }

  async #retry(): Promise<void> {
    const failure = this.#failure;
    if (failure === null) return;
    failure.attempts += 1;
    if (await this.#rewrite(failure)) {
      this.#failure = null;
      this.health.set(true);
    }
    this.#busy = false;
    if (this.#failure !== null) this.#armRetry();
    else this.kick();
  }

  /** Finds out which records are on disk, then writes an audit.gap and the missing ones. True when all are on disk. */
  async #rewrite(failure: Failure): Promise<boolean> {
    let torn: readonly TornTail[];
    let intact: boolean;
    try {
      const salvage = await this.#segments.salvage();
      for (const record of this.#failed.splice(0, salvage.written)) this.#losses.settle(record);
      ({ torn, intact } = salvage);
    } catch {
      // Reading back failed too. The first cause stays the reported one.
      return false;
    }
    const rest = this.#failed.filter((record) => record.event !== 'audit.gap');
    // While closing this is the last try. broker.stop is pending and must be the last record, so the counts go before
    // it.
    const counts = this.#isClosing ? this.counts.take(Number.POSITIVE_INFINITY) : [];
    this.#failed = [this.#gap(failure, torn, intact), ...rest, ...counts, ...this.#takePending()];
    const fault = await this.#append(this.#failed);
    if (fault !== null) return false;
    for (const record of this.#failed) this.#losses.settle(record);
    this.#failed = [];
    return this.#losses.isEmpty;
  }

  #gap(failure: Failure, torn: readonly TornTail[], intact: boolean): QueuedRecord {
    const settles = this.#losses.stated();
    const detail: Detail = {
      since: rfc3339(failure.since),
      attempts: failure.attempts,
      lost: Object.fromEntries(settles),
      ...(torn.length > 0 ? { torn: torn.map((tail) => ({ ...tail })) } : {}),
      ...(intact ? {} : { altered: true }),
    };
    const body = this.#bodies.own(momentOf(this.#clock), 'audit.gap', detail, failure.code);
    return { event: 'audit.gap', count: 1, body: encodeBody(body), settles };
  }

  // ---- closing

  /** From here on a failure is retried only once, by `lastTry`, and not each second. */
  beginClosing(): void {
    this.#isClosing = true;
    this.#cancelRetry?.();
    this.#cancelRetry = null;
  }

  /** Resolves when no commit or retry runs. One may directly follow another, so this waits in a loop. */
  async idle(): Promise<void> {
    while (this.#busy) await this.#running;
  }

  /** Null: everything is on disk. */
  async lastTry(): Promise<AuditError | null> {
    await this.idle();
    if (this.#failure !== null) {
      this.#startRetry();
      await this.idle();
    }
    return this.#failure === null ? null : this.#unwritten(this.#failure);
  }

  #unwritten(failure: Failure): AuditError {
    let events = this.#losses.total;
    for (const entry of [...this.#failed, ...this.#pending]) events += entry.count;
    return new AuditError(
      'ERR_AUDIT_UNWRITTEN',
      `the audit log could not be written since ${rfc3339(failure.since)} (${failure.code}); ${events} events are missing`,
    );
  }
}

export function momentOf(clock: Clock): Moment {
  return { time: clock.wall(), mono: clock.mono() };
}

function faultCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}
