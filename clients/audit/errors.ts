/** What an auditor asked that cannot be answered. */

export type AuditQuestionErrorCode =
  /** The question is not one: the message points at the place. */
  | 'ERR_AUDIT_QUERY'
  /** There is no such record. */
  | 'ERR_AUDIT_NO_RECORD'
  /** The console's page was not built. */
  | 'ERR_AUDIT_PAGE'
  /** The checkpoint of an earlier list cannot be used with this log. */
  | 'ERR_AUDIT_CURSOR';

export class AuditQuestionError extends Error {
  override readonly name = 'AuditQuestionError';
  readonly code: AuditQuestionErrorCode;

  constructor(code: AuditQuestionErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
