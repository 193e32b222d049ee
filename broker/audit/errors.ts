/** What the operator or the host did to the audit log; thrown by open, close, verify and tail, never by a peer's doing. */
import { CodedError } from '../base/index.ts';

export type AuditErrorCode =
  /** Another process writes this directory. */
  | 'ERR_AUDIT_LOCKED'
  /** The path is missing or is not a directory. */
  | 'ERR_AUDIT_DIRECTORY'
  /** The directory or a segment can be read or written by group or others, or belongs to somebody else. */
  | 'ERR_AUDIT_MODE'
  /** The last complete line of the log is not a record, so there is nothing to continue from. */
  | 'ERR_AUDIT_CORRUPT'
  /** The log is not the one that its own last checkpoint signed: records were changed or cut off while no broker ran. */
  | 'ERR_AUDIT_TAMPERED'
  /** The log has no checkpoint that covers what is to be proven. */
  | 'ERR_AUDIT_UNPROVEN'
  /** The log was closed before; recording into it is a bug of the caller. */
  | 'ERR_AUDIT_CLOSED'
  /** The log could not be brought to disk before it was closed; the message counts what is missing. */
  | 'ERR_AUDIT_UNWRITTEN'
  /** An option is out of range. */
  | 'ERR_AUDIT_OPTION';

export class AuditError extends CodedError<AuditErrorCode> {
  override readonly name = 'AuditError';
}
