/** The audit log as the rest of the broker sees it. writer.ts stores it in files, memory.ts in an array. */
import type { Domain } from '../../policy/contract/index.ts';
import type { AuditEvent, Recorder } from '../record/index.ts';
import type { SignedState } from './signed-state.ts';

/** The newest record on disk. An auditor remembers it to find a later truncation. */
export interface AuditHead {
  readonly seq: number;
  /** SHA-256, hex, of the record's line. */
  readonly hash: string;
}

/** The share of the log of one domain, of strangers together, or of incidents with keys. */
export interface LogShare {
  readonly name: string;
  /** Bytes that may be written now. */
  readonly left: number;
  /** Events that were counted instead of written one by one, since the log was opened. */
  readonly withheld: number;
}

export interface AuditLog extends Recorder {
  readonly head: AuditHead;
  /** Records that wait for the disk. */
  readonly backlog: number;
  /** Records that the newest checkpoint covers; null: this log is not signed. */
  readonly signedRecords: number | null;
  /**
   * Queues one record. A flood of events that a domain or a stranger can cause at will is counted exactly. It is
   * written once a window, as far as the share of its cause allows. Throws ERR_AUDIT_CLOSED after close.
   */
  record(event: AuditEvent): void;
  /**
   * Runs `callback` once, never synchronously, when everything recorded before is on disk (true) or cannot be written
   * there now (false: do not answer, do not deliver).
   * @param source wait only for this domain's part of collapsed floods, so that a flooding domain does not delay the
   *   answers of other domains; without it, wait for all floods (up to FLOOD_WINDOW_MS)
   */
  whenDurable(callback: (ok: boolean) => void, source?: Domain): void;
  /** As whenDurable, but without waiting for the records of floods that are held back until the window ends. */
  whenWritten(callback: (ok: boolean) => void): void;
  /** Shares of the domains that have caused records since the log was opened. */
  shares(): readonly LogShare[];
  /** Called with each checkpoint that is on disk; immediately with the last one, if there is one. */
  onCheckpoint(listener: (state: SignedState) => void): void;
  /** Called with each change of `healthy`. Returns the function that removes the listener. */
  onHealth(listener: (healthy: boolean) => void): () => void;
  /**
   * Writes the flows and `broker.stop`, closes and unlocks. Idempotent. Throws ERR_AUDIT_UNWRITTEN if records were
   * lost.
   */
  close(reason?: string): Promise<void>;
}
