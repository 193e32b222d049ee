/** What is on its way to the disk: records whose content is fixed, and counts that go on until they are taken. */
import type { AuditEventName } from '../../record/index.ts';

/** A record whose content is fixed; only its place in the chain is open. */
export interface QueuedRecord {
  readonly event: AuditEventName;
  /** Events it stands for. */
  readonly count: number;
  readonly body: string;
  /** For an audit.gap: the losses it states, which are settled once it is on disk. */
  readonly settles?: ReadonlyMap<AuditEventName, number>;
}

/** A count that goes on until its record is taken for a commit. */
export interface QueuedCount {
  readonly count: number;
  /** Fixes the count. What comes from here on belongs to the next record. */
  readonly fix: () => QueuedRecord;
}

/** Called once: true = on disk, false = cannot be brought there now. */
export type Waiter = (ok: boolean) => void;

/** A callback that throws is a bug of its own; the others still get their answer. */
export function answer(waiters: readonly Waiter[], ok: boolean): void {
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
