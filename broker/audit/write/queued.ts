/** The queue to the disk: records whose content is fixed, and counts that grow until they are taken. */
import type { AuditEventName } from '../../record/index.ts';

/** A record whose content is fixed. Only its place in the chain is not. */
export interface QueuedRecord {
  readonly event: AuditEventName;
  /** Number of events that it stands for. */
  readonly count: number;
  readonly body: string;
  /** For an audit.gap: the losses it states, which are settled once it is on disk. */
  readonly settles?: ReadonlyMap<AuditEventName, number>;
}

/** A count that grows until its record is taken for a commit. */
export interface QueuedCount {
  readonly count: number;
  /** Fixes the count. Later events belong to the next record. */
  readonly fix: () => QueuedRecord;
}

/** Called once: true = on disk, false = cannot be written to disk now. */
export type Waiter = (ok: boolean) => void;

/** Answers each waiter. A callback that throws has a bug; the others must still get their answer. */
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
