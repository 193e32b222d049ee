/** Entry of broker/record: the audit events and the audit record, declared once for the core and for the log. */
export type { AuditRecord, RecordedDomain } from './audit-record.ts';
export { AUDIT_CATALOG, AUDIT_EVENTS, type AuditEventName } from './catalog.ts';
export type { AuditEvent, Detail, Json } from './events.ts';
export { MESSAGE_IDS, MESSAGE_NAMESPACE } from './message-ids.ts';
export type { DenialContext, FlowCounter, Recorder } from './recorder.ts';
export { recordFault, recordJsonSchema } from './schema.ts';
