/**
 * Events that were lost for lack of room while the log could not be written, by name. The next audit.gap states them.
 */
import type { AuditEventName } from '../../../record/index.ts';
import type { QueuedRecord } from '../queued.ts';

export class Losses {
  readonly #lost = new Map<AuditEventName, number>();

  add(event: AuditEventName, count: number): void {
    this.#lost.set(event, (this.#lost.get(event) ?? 0) + count);
  }

  get isEmpty(): boolean {
    return this.#lost.size === 0;
  }

  get total(): number {
    let events = 0;
    for (const count of this.#lost.values()) events += count;
    return events;
  }

  /** The losses, in the form for an audit.gap. */
  stated(): ReadonlyMap<AuditEventName, number> {
    return new Map(this.#lost);
  }

  /** The record is on disk, so the losses that it states need no other record. */
  settle({ settles }: QueuedRecord): void {
    for (const [event, count] of settles ?? []) {
      const left = (this.#lost.get(event) ?? 0) - count;
      if (left > 0) this.#lost.set(event, left);
      else this.#lost.delete(event);
    }
  }
}
