/** An auditor's question without a possible answer. */

export type AuditQuestionErrorCode =
  /** The question is not one: the message points at the place. */
  | 'ERR_AUDIT_QUERY'
  /** The record does not exist. */
  | 'ERR_AUDIT_NO_RECORD'
  /** No policy was in force then, or the archive does not have it. */
  | 'ERR_AUDIT_NO_POLICY'
  /** The console's page was not built. */
  | 'ERR_AUDIT_PAGE'
  /** The checkpoint of an earlier list cannot be used with this log. */
  | 'ERR_AUDIT_CURSOR'
  /** The case cannot be made: its author, its records or its size is wrong. */
  | 'ERR_AUDIT_CASE'
  /** The index cannot be made or opened. Every question can be answered without it. */
  | 'ERR_AUDIT_INDEX';

export class AuditQuestionError extends Error {
  override readonly name = 'AuditQuestionError';
  readonly code: AuditQuestionErrorCode;

  constructor(code: AuditQuestionErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
