/** Allowed sends as records: a record per flow and interval, and one when a flow ends. */
import type { Permit } from '../../../policy/contract/index.ts';
import type { Clock } from '../../base/index.ts';
import type { FlowCounter } from '../../record/index.ts';
import type { Bodies } from '../body.ts';
import { encodeBody } from '../chain.ts';
import { type Committer, type CountSource, momentOf } from './committer.ts';
import { FlowTable } from './flows.ts';
import type { QueuedRecord } from './queued.ts';
import type { Flood } from './share/flood.ts';

export class FlowRecords implements CountSource {
  readonly #table: FlowTable;
  readonly #flood: Flood;
  readonly #committer: Committer;
  readonly #bodies: Bodies;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #cancel: (() => void) | null = null;
  #isStopped = false;

  constructor(committer: Committer, flood: Flood, bodies: Bodies, clock: Clock, intervalMs: number) {
    this.#table = new FlowTable((permit) => flood.payFlow(permit));
    this.#flood = flood;
    this.#committer = committer;
    this.#bodies = bodies;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  counter(permit: Permit, port: number): FlowCounter {
    if (this.#cancel === null && !this.#isStopped) this.#arm();
    return this.#table.counter(permit, port);
  }

  end(permit: Permit, port: number): void {
    if (this.#isStopped) return;
    this.#table.end(permit, port);
    if (this.#table.isDue) this.#committer.kick();
  }

  get isDue(): boolean {
    return this.#table.isDue;
  }

  /** Flows stay in their counters while others are written, so a backlog of flows never loses counts. */
  take(limit: number): readonly QueuedRecord[] {
    const at = momentOf(this.#clock);
    return this.#table.take(limit).map((flow) => {
      const body = encodeBody(this.#bodies.flow(at, flow));
      this.#flood.settleFlow(flow.permit, body);
      return { event: 'flow', count: 1, body };
    });
  }

  /** Stops the interval. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Writes every flow. If the log fails now, the flows stay due and its last try takes them. */
  async flush(): Promise<void> {
    // First finish the running pass: a flow that it has already passed may have counted since.
    await this.#written();
    this.#table.makeDue('all');
    await this.#written();
  }

  async #written(): Promise<void> {
    await this.#committer.idle();
    while (!this.#committer.isFailing && this.#table.isDue) {
      this.#committer.kick();
      await this.#committer.idle();
    }
  }

  #arm(): void {
    this.#cancel = this.#clock.after(this.#intervalMs, () => {
      this.#cancel = null;
      // While the log is failing the counters keep counting.
      if (!this.#committer.isFailing && !this.#table.empty) {
        this.#table.makeDue();
        this.#committer.kick();
      }
      if (!this.#table.empty) this.#arm();
    });
  }
}
