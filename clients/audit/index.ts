/** Entry of clients/audit/: queries to the audit log. */

export {
  type CaseFault,
  type CaseVerdict,
  checkCase,
  MAX_CASE_BYTES,
  makeCase,
  selectRecords,
  verifyCase,
} from './cases/index.ts';
export { type AuditConsole, openConsole } from './console/index.ts';
export { AuditQuestionError } from './errors.ts';
export { avcLine, cefLine, ecsDocument, ocsfEvent } from './export/index.ts';
export {
  type AccessUse,
  accessUse,
  type LoadedPolicy,
  loadedPolicyOf,
  PolicyArchive,
  ruleUse,
  UsageTally,
  unusedRows,
} from './policy/index.ts';
export {
  FIELDS,
  fieldOf,
  type Predicate,
  parseQuestion,
  parseTime,
  predicateOf,
  type QueryField,
  RecordRow,
  TIME_WORDS,
} from './query/index.ts';
export { Groups, LogUses, ObservedFlow, Openings, Probes, shown, Timeline } from './reports/index.ts';
export {
  cursorFile,
  openTarget,
  parseAddress,
  type StreamTotals,
  streamLog,
  type TargetFiles,
} from './stream/index.ts';
export { csvCell, csvTable, jsonRows, type Table, textTable } from './table.ts';
export { IdentityOfWitness, serveWitness } from './witness/index.ts';
