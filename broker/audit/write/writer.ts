/**
 * The log on disk, composed of its parts: floods are collapsed (flood.ts), allowed sends and the denials of `dontaudit`
 * rows are counted (flow-records.ts). The resulting records are committed in groups (committer.ts) and signed (signing.ts). Waiters are answered only after
 * their records are written.
 */
import type { Denial, Domain, Permit } from '../../../policy/contract/index.ts';
import type { Clock } from '../../base/index.ts';
import type { AuditEvent, DenialContext, Detail, FlowCounter } from '../../record/index.ts';
import type { Bodies, Body } from '../body.ts';
import { encodeBody } from '../chain.ts';
import { AuditError } from '../errors.ts';
import type { AuditFiles } from '../files/files.ts';
import type { AuditHead, AuditLog, LogShare } from '../log.ts';
import type { SignedState } from '../signed-state.ts';
import type { Checkpointer } from './checkpointer.ts';
import { Committer, momentOf } from './committer.ts';
import type { Digests } from './digests.ts';
import { FlowRecords } from './flow-records.ts';
import type { Waiter } from './queued.ts';
import type { SegmentLog } from './segment-log.ts';
import { Flood } from './share/flood.ts';
import { LogAccounts } from './share/log-accounts.ts';
import { Signing } from './signing.ts';
import type { Retention } from './upkeep/retention.ts';
import { Upkeep } from './upkeep/upkeep.ts';

const NO_CONTEXT: DenialContext = Object.freeze({});

export interface WriterParts {
  readonly files: AuditFiles;
  readonly segments: SegmentLog;
  /** Null: the log is not signed. */
  readonly checkpointer: Checkpointer | null;
  readonly bodies: Bodies;
  readonly digests: Digests;
  readonly clock: Clock;
  readonly flowIntervalMs: number;
  readonly domainBytesPerHour: number;
  readonly retention: Retention;
  readonly unlock: () => Promise<void>;
}

export class LogWriter implements AuditLog {
  readonly #segments: SegmentLog;
  readonly #bodies: Bodies;
  readonly #digests: Digests;
  readonly #clock: Clock;
  readonly #unlock: () => Promise<void>;
  readonly #signing: Signing;
  readonly #committer: Committer;
  readonly #accounts: LogAccounts;
  readonly #flood: Flood;
  readonly #flows: FlowRecords;
  readonly #upkeep: Upkeep;
  #closing: Promise<void> | null = null;
  #newestCheckpoint: SignedState | null = null;
  readonly #checkpointListeners: ((state: SignedState) => void)[] = [];

  constructor(parts: WriterParts) {
    const { segments, checkpointer, bodies, clock, flowIntervalMs, domainBytesPerHour, unlock } = parts;
    this.#segments = segments;
    this.#bodies = bodies;
    this.#digests = parts.digests;
    this.#clock = clock;
    this.#unlock = unlock;
    this.#signing = new Signing(segments, checkpointer, clock);
    this.#committer = new Committer(segments, this.#signing, bodies, clock);
    this.#accounts = new LogAccounts(domainBytesPerHour, clock.mono);
    this.#flood = new Flood(this.#committer, bodies, clock, this.#accounts);
    this.#flows = new FlowRecords(this.#committer, this.#flood, bodies, clock, flowIntervalMs);
    this.#upkeep = new Upkeep({ ...parts, committer: this.#committer, signing: this.#signing });
    if (checkpointer !== null)
      checkpointer.onSigned = (state) => {
        this.#newestCheckpoint = state;
        for (const listener of this.#checkpointListeners) listener(state);
      };
    this.#committer.counts = this.#flows;
    this.#committer.takeHeldWaiters = () => this.#flood.takeWaiters();
  }

  /** Writes broker.start, alone and at once. If that fails the log is not opened, and the disk's error is thrown. */
  async start(detail: Detail): Promise<void> {
    await this.#segments.append([encodeBody(this.#bodies.own(momentOf(this.#clock), 'broker.start', detail))]);
    // broker.start states how many records the previous run left unsigned, so signing them now hides nothing.
    await this.#signing.sign();
    this.#upkeep.look();
  }

  get healthy(): boolean {
    return this.#committer.health.healthy;
  }

  get backlog(): number {
    return this.#committer.backlog;
  }

  get head(): AuditHead {
    return this.#segments.head;
  }

  get signedRecords(): number | null {
    return this.#signing.signed;
  }

  shares(): readonly LogShare[] {
    return this.#accounts.shares();
  }

  onCheckpoint(listener: (state: SignedState) => void): void {
    this.#checkpointListeners.push(listener);
    if (this.#newestCheckpoint !== null) listener(this.#newestCheckpoint);
  }

  onHealth(listener: (healthy: boolean) => void): () => void {
    return this.#committer.health.listen(listener);
  }

  record(event: AuditEvent): void {
    this.#mustBeOpen();
    this.#flood.record(event, momentOf(this.#clock));
  }

  denied(denial: Denial, port: number | null, bytes: number, context: DenialContext = NO_CONTEXT): void {
    this.#mustBeOpen();
    if (denial.dontaudit === null) this.#flood.denied(denial, port, bytes, context);
    else this.#flows.denied(denial, port, bytes, context.permissive === true);
  }

  admitsStrict(permit: Permit): boolean {
    return this.#committer.hasRoom && this.#flood.canPay(permit);
  }

  strict(permit: Permit, port: number, bytes: number, payload?: Uint8Array): void {
    this.#mustBeOpen();
    this.#flood.strict(permit, port, bytes, this.#digests.detail(payload), momentOf(this.#clock));
  }

  flow(permit: Permit, port: number): FlowCounter {
    return this.#flows.counter(permit, port);
  }

  endFlow(permit: Permit, port: number): void {
    this.#flows.end(permit, port);
  }

  whenDurable(callback: Waiter, source?: Domain): void {
    if (!this.healthy || this.#closing !== null) queueMicrotask(() => callback(false));
    else if (this.#flood.isHolding(source?.name)) this.#flood.wait(callback);
    else this.#committer.wait([callback]);
  }

  whenWritten(callback: Waiter): void {
    if (!this.healthy || this.#closing !== null) queueMicrotask(() => callback(false));
    else this.#committer.wait([callback]);
  }

  close(reason?: string): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  #queue(body: Body): void {
    this.#committer.queue({ event: body.event, count: 1, body: encodeBody(body) });
  }

  async #close(reason: string | undefined): Promise<void> {
    this.#flood.stop();
    this.#flows.stop();
    const upkeepDone = this.#upkeep.stop();
    this.#signing.stop();
    this.#committer.beginClosing();
    this.#flood.release();
    await this.#flows.flush();
    this.#queue(this.#bodies.own(momentOf(this.#clock), 'broker.stop', undefined, reason));
    const unwritten = await this.#committer.lastTry();
    if (unwritten === null) await this.#signing.sign();
    await upkeepDone;
    try {
      await this.#segments.close();
    } finally {
      await this.#unlock();
    }
    if (unwritten !== null) throw unwritten;
  }

  #mustBeOpen(): void {
    if (this.#closing !== null) throw new AuditError('ERR_AUDIT_CLOSED', 'the audit log is closed');
  }
}
