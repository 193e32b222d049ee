/** Entry of store/. */
export { RecordIndex, type TextField } from './record-index.ts';
export { AuditStore } from './store.ts';
