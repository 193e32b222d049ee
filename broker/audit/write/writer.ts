/**
 * The log on disk: group commit, collapsed floods, and the promise that nothing is answered before it is written.
 *
 *            record, denied                    one write + fdatasync at a time
 *   callers ---------------> pending --commit--> disk --> whenDurable(true)
 *                               ^                  | fails
 *                               |                  v
 *                            (bounded)          failed: healthy = false, whenDurable(false), retry each second
 *
 * Invariants: one commit or retry runs at a time (`#running`); what was queued earlier gets the smaller seq; a waiter
 * is answered exactly once; while `#failure` is set nothing is committed but by a retry, whose first record says so.
 */
import type { Denial, Domain, Permit } from '../../../policy/contract/index.ts';
import type { Clock } from '../../base/index.ts';
import type { AuditEvent, AuditEventName, DenialContext, Detail, FlowCounter } from '../../record/index.ts';
import { type Bodies, type Body, deniedEvent, type Moment, rfc3339 } from '../body.ts';
import { encodeBody } from '../chain.ts';
import { AuditError } from '../errors.ts';
import {
  CHECKPOINT_INTERVAL_MS,
  FLOOD_WINDOW_MS,
  FLOWS_PER_COMMIT,
  MAX_RETAINED_RECORDS,
  RETRY_MS,
} from '../limits.ts';
import type { AuditHead, AuditLog } from '../log.ts';
import type { TornTail } from '../read/end.ts';
import type { Checkpointer } from './checkpointer.ts';
import { Collapse, Tally } from './collapse.ts';
import { FlowTable } from './flows.ts';
import { Health } from './health.ts';
import { isRepeatable, Repeats } from './repeats.ts';
import type { SegmentLog } from './segment-log.ts';

/** A record whose content is fixed; only its place in the chain is open. */
interface Sealed {
  readonly event: AuditEventName;
  /** Events it stands for. */
  readonly count: number;
  readonly body: string;
  /** For an audit.gap: the losses it states, which are settled once it is on disk. */
  readonly settles?: ReadonlyMap<AuditEventName, number>;
}

type Waiter = (ok: boolean) => void;

/** Since when and why the log cannot be written. */
interface Failure {
  readonly code: string;
  readonly since: number;
  attempts: number;
}

const NO_CONTEXT: DenialContext = Object.freeze({});

export interface WriterParts {
  readonly segments: SegmentLog;
  /** Null: the log is not signed. */
  readonly checkpointer: Checkpointer | null;
  readonly bodies: Bodies;
  readonly clock: Clock;
  readonly flowIntervalMs: number;
  readonly unlock: () => Promise<void>;
}

export class LogWriter implements AuditLog {
  readonly #segments: SegmentLog;
  readonly #checkpointer: Checkpointer | null;
  readonly #bodies: Bodies;
  readonly #clock: Clock;
  readonly #flowIntervalMs: number;
  readonly #unlock: () => Promise<void>;
  readonly #health = new Health();
  readonly #collapse = new Collapse();
  readonly #repeats = new Repeats();
  readonly #flows = new FlowTable();

  #pending: (Sealed | Tally)[] = [];
  /** Wait for what is pending (and so for what is being written before it), and for what is held until the window ends. */
  #waiting: Waiter[] = [];
  #heldWaiting: Waiter[] = [];

  #failure: Failure | null = null;
  /** The batch whose write failed; goes before what is pending. */
  #failed: Sealed[] = [];
  /** Events that found no room, by name; stated by the next audit.gap. */
  readonly #lost = new Map<AuditEventName, number>();

  /** The commit or retry under way; resolved when there is none. Never rejects. */
  #running: Promise<void> = Promise.resolve();
  #busy = false;
  #closing: Promise<void> | null = null;
  #stopWindow: (() => void) | null = null;
  #stopFlows: (() => void) | null = null;
  #stopRetry: (() => void) | null = null;
  #stopCheckpoint: (() => void) | null = null;
  /** The interval has ended: sign with the next commit, or without one. */
  #isCheckpointDue = false;

  constructor(parts: WriterParts) {
    this.#segments = parts.segments;
    this.#checkpointer = parts.checkpointer;
    this.#bodies = parts.bodies;
    this.#clock = parts.clock;
    this.#flowIntervalMs = parts.flowIntervalMs;
    this.#unlock = parts.unlock;
  }

  /** Writes broker.start, alone and at once: a log that cannot take it is not opened. Throws what the disk throws. */
  async start(detail: Detail): Promise<void> {
    await this.#segments.append([encodeBody(this.#bodies.own(this.#moment(), 'broker.start', detail))]);
    // What the run before left unsigned is in its broker.start, so that signing it hides nothing.
    await this.#checkpoint();
  }

  get healthy(): boolean {
    return this.#health.healthy;
  }

  get head(): AuditHead {
    return this.#segments.head;
  }

  get signedRecords(): number | null {
    return this.#checkpointer?.signed ?? null;
  }

  onHealth(listener: (healthy: boolean) => void): () => void {
    return this.#health.listen(listener);
  }

  record(event: AuditEvent): void {
    this.#mustBeOpen();
    const at = this.#moment();
    if (isRepeatable(event)) {
      if (this.#stopWindow === null) this.#armWindow();
      if (this.#repeats.hold(event, at)) return;
    }
    this.#queue(this.#bodies.event(at, event));
  }

  denied(denial: Denial, port: number | null, bytes: number, context: DenialContext = NO_CONTEXT): void {
    this.#mustBeOpen();
    const tally = this.#collapse.tally(denial, port, context);
    const now = this.#clock.wall();
    if (tally.count === 0) this.#begin(tally, now);
    tally.count += 1;
    tally.bytes += bytes;
    tally.until = now;
  }

  flow(permit: Permit, port: number): FlowCounter {
    if (this.#stopFlows === null && this.#closing === null) this.#armFlows();
    return this.#flows.counter(permit, port);
  }

  endFlow(permit: Permit, port: number): void {
    if (this.#closing !== null) return;
    this.#flows.end(permit, port);
    if (this.#flows.isDue) this.#kick();
  }

  whenDurable(callback: (ok: boolean) => void, source?: Domain): void {
    if (!this.#health.healthy || this.#closing !== null) queueMicrotask(() => callback(false));
    else if (this.#holds(source?.name)) this.#heldWaiting.push(callback);
    else {
      this.#waiting.push(callback);
      this.#kick();
    }
  }

  close(reason?: string): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  // ---- queueing

  #holds(source: string | undefined): boolean {
    return this.#collapse.holds(source) || this.#repeats.holds(source);
  }

  #begin(tally: Tally, now: number): void {
    tally.time = now;
    tally.mono = this.#clock.mono();
    if (this.#stopWindow === null) this.#armWindow();
    if (tally.promptLeft === 0) {
      this.#collapse.hold(tally);
      return;
    }
    tally.promptLeft -= 1;
    this.#pending.push(tally);
    this.#kick();
  }

  #queue(body: Body, count = 1): void {
    if (this.#failed.length + this.#pending.length >= MAX_RETAINED_RECORDS) {
      this.#lost.set(body.event, (this.#lost.get(body.event) ?? 0) + count);
      // Without this a disk that lags, rather than fails, would lose records in silence.
      if (this.#failure === null) this.#fail('BACKLOG', []);
      return;
    }
    this.#pending.push({ event: body.event, count, body: encodeBody(body) });
    this.#kick();
  }

  /** Fixes the counts: denials from here on belong to the next record of their tuple. */
  #takePending(): Sealed[] {
    const taken = this.#pending.map((entry) => (entry instanceof Tally ? this.#seal(entry) : entry));
    this.#pending = [];
    return taken;
  }

  /** Flows wait in their counters while others are written: a backlog of them is back-pressure, never a loss. */
  #takeFlows(limit = FLOWS_PER_COMMIT): Sealed[] {
    const at = this.#moment();
    return this.#flows.take(limit).map(({ permit, port, messages, bytes }) => ({
      event: 'flow',
      count: 1,
      body: encodeBody(this.#bodies.flow(at, permit, port, messages, bytes)),
    }));
  }

  get #hasWork(): boolean {
    return this.#pending.length > 0 || this.#waiting.length > 0 || this.#flows.isDue || this.#isCheckpointDue;
  }

  #seal(tally: Tally): Sealed {
    const { denial, port, context, count } = tally;
    const sealed = {
      event: deniedEvent(denial),
      count,
      body: encodeBody(this.#bodies.denied(tally, denial, port, tally, context)),
    };
    tally.count = 0;
    tally.bytes = 0;
    return sealed;
  }

  // ---- committing

  #kick(): void {
    if (this.#busy || this.#failure !== null) return;
    this.#busy = true;
    // In a microtask: what the caller records in the same turn belongs to the same commit.
    this.#running = Promise.resolve().then(() => this.#commitAll());
  }

  async #commitAll(): Promise<void> {
    while (this.#failure === null && this.#hasWork) {
      const batch = [...this.#takePending(), ...this.#takeFlows()];
      const waiters = this.#waiting;
      this.#waiting = [];
      const fault = await this.#append(batch);
      if (fault !== null) this.#fail(fault, batch);
      answer(waiters, fault === null);
      if (fault === null && this.#shouldSign()) await this.#checkpoint();
    }
    this.#busy = false;
    // A backlog can fail the log while its last commit is still succeeding.
    if (this.#failure !== null) this.#armRetry();
  }

  /** Null = on disk; else the code of what went wrong. */
  async #append(batch: readonly Sealed[]): Promise<string | null> {
    if (batch.length === 0) return null;
    try {
      await this.#segments.append(batch.map((sealed) => sealed.body));
      return null;
    } catch (error) {
      return faultCode(error);
    }
  }

  // ---- signing

  /** Also sees to it that the records which came now are signed after the interval, if not before. */
  #shouldSign(): boolean {
    if (this.#checkpointer === null) return false;
    if (this.#isCheckpointDue || this.#checkpointer.isDue(this.#segments.head.seq)) return true;
    if (this.#stopCheckpoint === null && this.#closing === null) {
      this.#stopCheckpoint = this.#clock.after(CHECKPOINT_INTERVAL_MS, () => {
        this.#stopCheckpoint = null;
        this.#isCheckpointDue = true;
        this.#kick();
      });
    }
    return false;
  }

  /** One that cannot be written costs nothing but time: the next one covers its records too, and status shows the lag. */
  async #checkpoint(): Promise<void> {
    this.#stopCheckpoint?.();
    this.#stopCheckpoint = null;
    this.#isCheckpointDue = false;
    const signable = this.#segments.signable;
    if (signable !== null) await this.#checkpointer?.write(signable).catch(() => undefined);
  }

  // ---- failing and recovering

  #fail(code: string, batch: Sealed[]): void {
    this.#failed = [...batch, ...this.#failed];
    this.#failure ??= { code, since: this.#clock.wall(), attempts: 0 };
    const waiters = [...this.#waiting, ...this.#heldWaiting];
    this.#waiting = [];
    this.#heldWaiting = [];
    this.#health.set(false);
    answer(waiters, false);
  }

  #armRetry(): void {
    if (this.#closing !== null || this.#stopRetry !== null) return;
    this.#stopRetry = this.#clock.after(RETRY_MS, () => {
      this.#stopRetry = null;
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
      this.#health.set(true);
    }
    this.#busy = false;
    if (this.#failure !== null) this.#armRetry();
    else if (this.#hasWork) this.#kick();
  }

  /** Finds out what is on disk, then writes an audit.gap and all that is not. True when it is on disk. */
  async #rewrite(failure: Failure): Promise<boolean> {
    let torn: readonly TornTail[];
    let intact: boolean;
    try {
      const salvage = await this.#segments.salvage();
      for (const sealed of this.#failed.splice(0, salvage.written)) this.#settle(sealed);
      ({ torn, intact } = salvage);
    } catch {
      // Reading back fails like writing did; the first cause stays the one that is told.
      return false;
    }
    const rest = this.#failed.filter((sealed) => sealed.event !== 'audit.gap');
    // The last try: broker.stop is pending, and nothing may follow it.
    const flows = this.#closing === null ? [] : this.#takeFlows(Number.POSITIVE_INFINITY);
    this.#failed = [this.#gap(failure, torn, intact), ...rest, ...flows, ...this.#takePending()];
    const fault = await this.#append(this.#failed);
    if (fault !== null) return false;
    for (const sealed of this.#failed) this.#settle(sealed);
    this.#failed = [];
    return this.#lost.size === 0;
  }

  #gap(failure: Failure, torn: readonly TornTail[], intact: boolean): Sealed {
    const lost = new Map(this.#lost);
    const detail: Detail = {
      since: rfc3339(failure.since),
      attempts: failure.attempts,
      lost: Object.fromEntries(lost),
      ...(torn.length > 0 ? { torn: torn.map((tail) => ({ ...tail })) } : {}),
      ...(intact ? {} : { altered: true }),
    };
    const body = this.#bodies.own(this.#moment(), 'audit.gap', detail, failure.code);
    return { event: 'audit.gap', count: 1, body: encodeBody(body), settles: lost };
  }

  #settle(sealed: Sealed): void {
    for (const [event, count] of sealed.settles ?? []) {
      const left = (this.#lost.get(event) ?? 0) - count;
      if (left > 0) this.#lost.set(event, left);
      else this.#lost.delete(event);
    }
  }

  // ---- timers

  #armWindow(): void {
    this.#stopWindow = this.#clock.after(FLOOD_WINDOW_MS, () => {
      this.#stopWindow = null;
      // While nothing can be written the tuples go on counting: that is all the memory a flood gets.
      if (this.#failure === null) this.#releaseHeld();
      if (!this.#collapse.empty || !this.#repeats.empty) this.#armWindow();
    });
  }

  #releaseHeld(): void {
    this.#pending.push(...this.#collapse.turn());
    for (const repeat of this.#repeats.turn()) {
      this.#queue(this.#bodies.event(repeat.at, repeat.event, repeat), repeat.count);
    }
    this.#waiting.push(...this.#heldWaiting);
    this.#heldWaiting = [];
    if (this.#pending.length > 0 || this.#waiting.length > 0) this.#kick();
  }

  #armFlows(): void {
    this.#stopFlows = this.#clock.after(this.#flowIntervalMs, () => {
      this.#stopFlows = null;
      // While nothing can be written the counters go on counting.
      if (this.#failure === null && !this.#flows.empty) {
        this.#flows.makeDue();
        this.#kick();
      }
      if (!this.#flows.empty) this.#armFlows();
    });
  }

  // ---- closing

  async #close(reason: string | undefined): Promise<void> {
    for (const stop of [this.#stopWindow, this.#stopFlows, this.#stopRetry, this.#stopCheckpoint]) stop?.();
    this.#releaseHeld();
    // What is under way first: a flow that it has passed may have counted since.
    await this.#flowsWritten();
    this.#flows.makeDue();
    await this.#flowsWritten();
    this.#queue(this.#bodies.own(this.#moment(), 'broker.stop', undefined, reason));
    await this.#idle();
    if (this.#failure !== null) {
      this.#startRetry();
      await this.#idle();
    }
    const failure = this.#failure;
    if (failure === null) await this.#checkpoint();
    try {
      await this.#segments.close();
    } finally {
      await this.#unlock();
    }
    if (failure !== null) throw this.#unwritten(failure);
  }

  /** Before broker.stop, which is the last record. A log that fails meanwhile keeps them due; the last try takes them. */
  async #flowsWritten(): Promise<void> {
    await this.#idle();
    while (this.#failure === null && this.#flows.isDue) {
      this.#kick();
      await this.#idle();
    }
  }

  /** A commit may follow upon a retry, so one look is not enough. */
  async #idle(): Promise<void> {
    while (this.#busy) await this.#running;
  }

  #unwritten(failure: Failure): AuditError {
    let events = 0;
    for (const count of this.#lost.values()) events += count;
    for (const entry of [...this.#failed, ...this.#pending]) events += entry.count;
    return new AuditError(
      'ERR_AUDIT_UNWRITTEN',
      `the audit log could not be written since ${rfc3339(failure.since)} (${failure.code}); ${events} events are missing`,
    );
  }

  #mustBeOpen(): void {
    if (this.#closing !== null) throw new AuditError('ERR_AUDIT_CLOSED', 'the audit log is closed');
  }

  #moment(): Moment {
    return { time: this.#clock.wall(), mono: this.#clock.mono() };
  }
}

/** One callback that throws is a bug of its own; the others still get their answer. */
function answer(waiters: readonly Waiter[], ok: boolean): void {
  for (const waiter of waiters) {
    try {
      waiter(ok);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function faultCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}
