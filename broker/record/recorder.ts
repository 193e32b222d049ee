/**
 * The audit log as the core sees it. The log on disk and the log in memory implement this interface.
 *
 * The core does not describe its decisions about messages: it passes the denial, or adds to a counter, and the log
 * makes the record from the decision itself.
 */
import type { Denial, Permit } from '../../policy/contract/index.ts';
import type { AuditEventName } from './catalog.ts';
import type { AuditEvent } from './events.ts';

/** Allowed sends of one (permit, port) since its last record. The hot path adds to it; the log reads and zeroes it. */
export interface FlowCounter {
  messages: number;
  bytes: number;
}

/** Further facts for a denial's record. Compared by identity, so keep one object per session and not one per call. */
export interface DenialContext {
  readonly session?: string | null;
  readonly permissive?: boolean;
}

/** The events that the core itself reports. */
type CoreEvent = Extract<AuditEvent, { readonly event: Extract<AuditEventName, `ring.${string}` | `send.${string}`> }>;

export interface Recorder {
  /** False while records cannot be written to disk: sends must stop. */
  readonly healthy: boolean;
  record(event: CoreEvent): void;
  /**
   * Can the record of a strict message of this sender be written now? False: its share of the log is used up, or too many
   * records wait for the disk.
   */
  admitsStrict(permit: Permit): boolean;
  /**
   * Queues a record of its own for one strict message. It is never collapsed and never withheld.
   *
   * @param payload of a permit with `digest`: read during the call
   */
  strict(permit: Permit, port: number, bytes: number, payload?: Uint8Array): void;
  /**
   * Queues a denial. Identical ones (same Denial object, port and context object) collapse into exact counts. The event
   * is `ring.denied` for `argo:register_*`, `session.refused` for `argo:enable`, else `send.denied`. A repeated denial
   * allocates nothing. A denial with a `dontaudit` row is only counted: its record is `denied.counted`, one per interval.
   * @param port the destination port, or the ring's; null if there is none
   * @param bytes payload length; the record has the sum
   */
  denied(denial: Denial, port: number | null, bytes: number, context?: DenialContext): void;
  /**
   * The counter of a flow: the same object for the same arguments until `endFlow`. Call this only when a ring exists:
   * the sender chooses the port, and ports without a ring would fill the table.
   */
  flow(permit: Permit, port: number): FlowCounter;
  /** Writes the counter and drops it, for a closed ring or a permit of a past revision. The caller must drop it too. */
  endFlow(permit: Permit, port: number): void;
}
