/** Door of the audit log. */
export { AuditError, type AuditErrorCode } from './errors.ts';
export type { AuditHead, AuditLog, FlowCounter } from './log.ts';
export { type MemoryAudit, memoryAudit } from './memory.ts';
export { type AuditHost, type AuditOptions, openAuditLog } from './open.ts';
export type { AuditEvent, AuditEventName, AuditRecord, DenialContext, Detail, Json, Party } from './record.ts';
export { AUDIT_EVENTS } from './record.ts';
