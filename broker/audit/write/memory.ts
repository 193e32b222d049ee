/**
 * An audit log in memory, for tests of code that records events: the same interface, with the records in an array.
 *
 * It neither collapses nor delays: each `denied` without a `dontaudit` row is one record, and everything is "on disk" in
 * the next microtask.
 */
import type { Denial, Domain, Permit } from '../../../policy/contract/index.ts';
import type { Clock } from '../../base/index.ts';
import type { AuditEvent, AuditRecord, DenialContext, FlowCounter } from '../../record/index.ts';
import { Bodies, type Body } from '../body.ts';
import { encodeBody, encodeLine, hashLine } from '../chain.ts';
import { AuditError } from '../errors.ts';
import { ZERO_HASH } from '../limits.ts';
import type { AuditHead, AuditLog, LogShare } from '../log.ts';
import { DenialCounts } from './denial-counts.ts';
import { Digests } from './digests.ts';
import { FlowTable } from './flows.ts';
import { Health } from './health.ts';

export interface MemoryAudit extends AuditLog {
  /** Everything recorded, oldest first, as a reader of the file would parse it. */
  readonly records: readonly AuditRecord[];
  /** Simulates a full disk: `healthy` and whenDurable are false until this is set to true again. */
  setHealthy(healthy: boolean): void;
  /** Set to false, it simulates a sender whose share of the log is used up: no strict message is admitted. */
  admits: boolean;
  /** Writes the flows and denials counted so far, as the interval would. */
  flushFlows(): void;
}

const STOPPED_CLOCK: Clock = { wall: () => 0, mono: () => 0, after: () => () => undefined };

/** @param clock stamps the records; default: always 1970, so that tests can state the expected records */
export function memoryAudit(clock: Clock = STOPPED_CLOCK): MemoryAudit {
  return new MemoryLog(clock);
}

class MemoryLog implements MemoryAudit {
  readonly records: AuditRecord[] = [];
  admits = true;
  readonly #clock: Clock;
  readonly #bodies = new Bodies({ boot: 'memory', broker: 'memory' });
  readonly #digests = new Digests('memory', new Uint8Array(32));
  readonly #flows = new FlowTable();
  readonly #denials: DenialCounts;
  readonly #health = new Health();
  #head: AuditHead = { seq: 0, hash: ZERO_HASH };
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#denials = new DenialCounts(clock);
    this.#append(this.#bodies.own(this.#moment(), 'broker.start'));
  }

  get healthy(): boolean {
    return this.#health.healthy;
  }

  get backlog(): number {
    return 0;
  }

  get head(): AuditHead {
    return this.#head;
  }

  get signedRecords(): number | null {
    return null;
  }

  record(event: AuditEvent): void {
    this.#append(this.#bodies.event(this.#moment(), event));
  }

  denied(denial: Denial, port: number | null, bytes: number, context: DenialContext = {}): void {
    if (denial.dontaudit !== null) {
      this.#denials.add(denial, port, bytes, context.permissive === true);
      return;
    }
    const seen = { count: 1, bytes, until: this.#clock.wall(), manyPorts: false };
    this.#append(this.#bodies.denied(this.#moment(), denial, port, seen, context));
  }

  admitsStrict(): boolean {
    return this.#health.healthy && this.admits;
  }

  strict(permit: Permit, port: number, bytes: number, payload?: Uint8Array): void {
    this.record({ event: 'send.allowed', by: permit, port, bytes, detail: this.#digests.detail(payload) });
  }

  flow(permit: Permit, port: number): FlowCounter {
    return this.#flows.counter(permit, port);
  }

  endFlow(permit: Permit, port: number): void {
    this.#flows.end(permit, port);
    this.#writeFlows();
  }

  flushFlows(): void {
    this.#flows.makeDue();
    this.#writeFlows();
    this.#denials.makeDue();
    for (const seen of this.#denials.take(Number.POSITIVE_INFINITY)) this.#append(this.#bodies.counted(seen));
  }

  whenDurable(callback: (ok: boolean) => void, _source?: Domain): void {
    queueMicrotask(() => callback(this.#health.healthy));
  }

  whenWritten(callback: (ok: boolean) => void): void {
    this.whenDurable(callback);
  }

  shares(): readonly LogShare[] {
    return [];
  }

  /** This log is not signed. */
  onCheckpoint(): void {}

  onHealth(listener: (healthy: boolean) => void): () => void {
    return this.#health.listen(listener);
  }

  setHealthy(healthy: boolean): void {
    this.#health.set(healthy);
  }

  async close(reason?: string): Promise<void> {
    if (this.#closed) return;
    this.flushFlows();
    this.#append(this.#bodies.own(this.#moment(), 'broker.stop', undefined, reason));
    this.#closed = true;
  }

  #writeFlows(): void {
    for (const flow of this.#flows.take(Number.POSITIVE_INFINITY))
      this.#append(this.#bodies.flow(this.#moment(), flow));
  }

  #moment(): { time: number; mono: number } {
    return { time: this.#clock.wall(), mono: this.#clock.mono() };
  }

  #append(body: Body): void {
    if (this.#closed) throw new AuditError('ERR_AUDIT_CLOSED', 'the audit log is closed');
    const seq = this.#head.seq + 1;
    const line = encodeLine(seq, encodeBody(body), this.#head.hash);
    this.#head = { seq, hash: hashLine(line) };
    this.records.push(JSON.parse(line) as AuditRecord);
  }
}
