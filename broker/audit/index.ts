/** Door of the audit log. */

export { escapeUnsafe, type LineFault, type ParsedLine } from './chain.ts';
export { AuditError, type AuditErrorCode } from './errors.ts';
export type { AuditHead, AuditLog, FlowCounter } from './log.ts';
export { type MemoryAudit, memoryAudit } from './memory.ts';
export { type AuditHost, type AuditOptions, openAuditLog } from './open.ts';
export type { AuditEvent, AuditEventName, AuditRecord, DenialContext, Detail, Json, Party } from './record.ts';
export { AUDIT_EVENTS } from './record.ts';
export { type TailLine, type TailOptions, tailAudit } from './tail.ts';
export { type Problem, type ProblemCode, type VerifyOptions, type VerifyResult, verifyAudit } from './verify.ts';
