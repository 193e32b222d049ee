/** The door of broker/record: the audit events and the audit record, declared once for the core and for the log. */
export type { AuditRecord, RecordedDomain } from './audit-record.ts';
export { AUDIT_EVENTS, type AuditEvent, type AuditEventName, type Detail } from './events.ts';
export type { DenialContext, FlowCounter, Recorder } from './recorder.ts';
