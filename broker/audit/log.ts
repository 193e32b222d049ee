/** The audit log as the rest of the broker sees it; writer.ts keeps it in files, memory.ts in an array. */
import type { Denial, Domain, Permit } from '../../policy/contract/index.ts';
import type { AuditEvent, DenialContext } from '../record/events.ts';

/** Allowed sends of one (permit, port) since the last flush. The hot path adds to it; the log reads and zeroes it. */
export interface FlowCounter {
  messages: number;
  bytes: number;
}

/** The newest record on disk: what an auditor remembers to find a truncation later. */
export interface AuditHead {
  readonly seq: number;
  /** SHA-256, hex, of the record's line. */
  readonly hash: string;
}

export interface AuditLog {
  /** False while records cannot be brought to disk: sends must stop. */
  readonly healthy: boolean;
  readonly head: AuditHead;
  /** Records that the newest checkpoint covers; null: this log is not signed. */
  readonly signedRecords: number | null;
  /**
   * Queues one record. Of `session.refused` and `peer.fault`, which anybody can cause at will, a flood of one (source,
   * reason) is counted exactly and written once a window. Throws ERR_AUDIT_CLOSED after close.
   */
  record(event: AuditEvent): void;
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
  /**
   * Runs `callback` once, never synchronously, when everything recorded before is on disk (true) or cannot be brought
   * there now (false: do not answer, do not deliver).
   * @param source wait only for this domain's part of collapsed floods, so that one flooding domain delays nobody else's
   *   answers; without it all floods are waited for (up to FLOOD_WINDOW_MS)
   */
  whenDurable(callback: (ok: boolean) => void, source?: Domain): void;
  /** Called with each change of `healthy`. Returns the function that removes the listener. */
  onHealth(listener: (healthy: boolean) => void): () => void;
  /** Writes the flows and `broker.stop`, closes and unlocks. Idempotent. Throws ERR_AUDIT_UNWRITTEN if records were lost. */
  close(reason?: string): Promise<void>;
}
