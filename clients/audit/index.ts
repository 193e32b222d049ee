/** Entry of clients/audit/: queries to the audit log. */

export { type AuditConsole, openConsole } from './console/index.ts';
export { AuditQuestionError } from './errors.ts';
export { cefLine, ecsDocument } from './export/index.ts';
export {
  FIELDS,
  fieldOf,
  type Predicate,
  parseQuestion,
  predicateOf,
  type QueryField,
  RecordRow,
} from './query/index.ts';
export { Groups, ObservedFlow, Openings, Probes, shown, Timeline } from './reports/index.ts';
export { csvCell, csvTable, jsonRows, type Table, textTable } from './table.ts';
