/** Entry of clients/audit/: queries to the audit log. */

export {
  CASE_FAULTS,
  type CaseVerdict,
  checkCase,
  MAX_CASE_BYTES,
  makeCase,
  selectRecords,
  verifyCase,
} from './cases/index.ts';
export {
  type AuditConsole,
  askWitnesses,
  type CaseDesk,
  openConsole,
  type WitnessAnswers,
  type Witnesses,
} from './console/index.ts';
export {
  DerivedIndex,
  eachLine,
  groupsOf,
  hasIndex,
  INDEX_POLL_MS,
  indexFile,
  malformedLines,
  openDatabase,
  prepareIndexDirectory,
  removeIndex,
  timelineOf,
} from './derived/index.ts';
export { AuditQuestionError } from './errors.ts';
export { avcLine, cefLine, ecsDocument, journalEntry, ocsfEvent } from './export/index.ts';
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
  type Question,
  RecordRow,
  TIME_WORDS,
} from './query/index.ts';
export {
  type Group,
  Groups,
  LogUses,
  ObservedFlow,
  Openings,
  Probes,
  shown,
  sortedGroups,
  Timeline,
} from './reports/index.ts';
export {
  cursorFile,
  openTarget,
  parseAddress,
  type StreamTotals,
  streamLog,
  type TargetFiles,
} from './stream/index.ts';
export { columnWidths, csvCell, csvTable, GrowingTable, jsonRows, type Table, textTable } from './table.ts';
export { IdentityOfWitness, serveWitness } from './witness/index.ts';
