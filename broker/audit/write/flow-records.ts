/**
 * Counts as records, once an interval: of allowed sends (per flow, and one record when a flow ends), and of denials that a
 * `dontaudit` row keeps out of the log.
 */
import type { Denial, Permit } from '../../../policy/contract/index.ts';
import type { Clock } from '../../base/index.ts';
import type { FlowCounter } from '../../record/index.ts';
import type { Bodies } from '../body.ts';
import { encodeBody } from '../chain.ts';
import { type Committer, type CountSource, momentOf } from './committer.ts';
import { DenialCounts } from './denial-counts.ts';
import { FlowTable } from './flows.ts';
import type { QueuedRecord } from './queued.ts';
import type { Flood } from './share/flood.ts';

export class FlowRecords implements CountSource {
  readonly #table: FlowTable;
  readonly #denials: DenialCounts;
  readonly #flood: Flood;
  readonly #committer: Committer;
  readonly #bodies: Bodies;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #cancel: (() => void) | null = null;
  #isStopped = false;

  constructor(committer: Committer, flood: Flood, bodies: Bodies, clock: Clock, intervalMs: number) {
    this.#table = new FlowTable((permit) => flood.payCount(permit));
    this.#denials = new DenialCounts(clock, (denial) => flood.payCount(denial));
    this.#flood = flood;
    this.#committer = committer;
    this.#bodies = bodies;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  counter(permit: Permit, port: number): FlowCounter {
    this.#begin();
    return this.#table.counter(permit, port);
  }

  /** Counts a denial that has no record of its own. */
  denied(denial: Denial, port: number | null, bytes: number, isPermissive: boolean): void {
    this.#begin();
    this.#denials.add(denial, port, bytes, isPermissive);
  }

  end(permit: Permit, port: number): void {
    if (this.#isStopped) return;
    this.#table.end(permit, port);
    if (this.#table.isDue) this.#committer.kick();
  }

  get isDue(): boolean {
    return this.#table.isDue || this.#denials.isDue;
  }

  /** Flows stay in their counters while others are written, so a backlog of flows never loses counts. */
  take(limit: number): readonly QueuedRecord[] {
    const at = momentOf(this.#clock);
    const flows = this.#table.take(limit).map((flow): QueuedRecord => {
      const body = encodeBody(this.#bodies.flow(at, flow));
      this.#flood.settleCount(flow.permit, body);
      return { event: 'flow', count: 1, body };
    });
    const denials = this.#denials.take(limit - flows.length).map((seen): QueuedRecord => {
      const body = encodeBody(this.#bodies.counted(seen));
      this.#flood.settleCount(seen.denial, body);
      return { event: 'denied.counted', count: seen.count, body };
    });
    return [...flows, ...denials];
  }

  /** Stops the interval. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Writes every count. If the log fails now, the counts stay due and its last try takes them. */
  async flush(): Promise<void> {
    // First finish the running pass: a flow that it has already passed may have counted since.
    await this.#written();
    this.#makeDue('all');
    await this.#written();
  }

  async #written(): Promise<void> {
    await this.#committer.idle();
    while (!this.#committer.isFailing && this.isDue) {
      this.#committer.kick();
      await this.#committer.idle();
    }
  }

  get #isEmpty(): boolean {
    return this.#table.empty && this.#denials.empty;
  }

  #makeDue(which: 'paid' | 'all'): void {
    this.#table.makeDue(which);
    this.#denials.makeDue(which);
  }

  #begin(): void {
    if (this.#cancel === null && !this.#isStopped) this.#arm();
  }

  #arm(): void {
    this.#cancel = this.#clock.after(this.#intervalMs, () => {
      this.#cancel = null;
      // While the log is failing the counters keep counting.
      if (!this.#committer.isFailing && !this.#isEmpty) {
        this.#makeDue('paid');
        this.#committer.kick();
      }
      if (!this.#isEmpty) this.#arm();
    });
  }
}
