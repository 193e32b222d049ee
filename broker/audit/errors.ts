/** Errors of the operator or the host. Open, close, verify and tail throw them; a peer can never cause one. */
import { CodedError } from '../base/index.ts';

export type AuditErrorCode =
  /** Another process writes this directory. */
  | 'ERR_AUDIT_LOCKED'
  /** The path is missing or is not a directory. */
  | 'ERR_AUDIT_DIRECTORY'
  /** The directory or a segment can be read or written by group or others, or belongs to another user. */
  | 'ERR_AUDIT_MODE'
  /** The last complete line of the log is not a record, so there is nothing to continue from. */
  | 'ERR_AUDIT_CORRUPT'
  /** The log does not match its own last checkpoint: records were changed or cut off while no broker ran. */
  | 'ERR_AUDIT_TAMPERED'
  /** The log has no checkpoint that covers the record to prove. */
  | 'ERR_AUDIT_UNPROVEN'
  /** The log was closed before; recording into it is a bug of the caller. */
  | 'ERR_AUDIT_CLOSED'
  /** Some records could not be written to disk before the log was closed. The message says how many. */
  | 'ERR_AUDIT_UNWRITTEN'
  /** An option is out of range. */
  | 'ERR_AUDIT_OPTION'
  /** A witness cannot be asked, or its own files are damaged. */
  | 'ERR_AUDIT_WITNESS';

export class AuditError extends CodedError<AuditErrorCode> {
  override readonly name = 'AuditError';
}
