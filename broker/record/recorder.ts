/**
 * The audit log as the core sees it. The log on disk has this shape, and so has its twin in memory.
 *
 * A decision about a message is not an event that the core describes: it hands over the denial, or adds to a counter, and
 * the log makes the record from the decision itself.
 */
import type { Denial, Permit } from '../../policy/contract/index.ts';
import type { AuditEventName } from './catalog.ts';
import type { AuditEvent } from './events.ts';

/** Allowed sends of one (permit, port) since its last record. The hot path adds to it; the log reads and zeroes it. */
export interface FlowCounter {
  messages: number;
  bytes: number;
}

/** What a denial's record adds to the denial. Compared by identity: keep one object per session, not one per call. */
export interface DenialContext {
  readonly session?: string | null;
  readonly permissive?: boolean;
}

/** The events that the core itself tells. */
type CoreEvent = Extract<AuditEvent, { readonly event: Extract<AuditEventName, `ring.${string}` | `send.${string}`> }>;

export interface Recorder {
  /** False while records cannot be brought to disk: sends must stop. */
  readonly healthy: boolean;
  record(event: CoreEvent): void;
  /**
   * Queues a denial; identical ones (same Denial object, port and context object) collapse into exact counts. Becomes
   * `ring.denied` for `argo:register_*`, `session.refused` for `argo:enable`, else `send.denied`. Allocates nothing when repeated.
   * @param port the destination port, or the ring's; null if there is none
   * @param bytes payload length; summed up
   */
  denied(denial: Denial, port: number | null, bytes: number, context?: DenialContext): void;
  /**
   * The counter of a flow, the same object for the same arguments until `endFlow`. Ask after the ring was found: ports
   * without a ring are the sender's choice and would fill the table.
   */
  flow(permit: Permit, port: number): FlowCounter;
  /** Writes what the counter holds and forgets it; for a closed ring and for permits of a past revision. Drop the counter then. */
  endFlow(permit: Permit, port: number): void;
}
