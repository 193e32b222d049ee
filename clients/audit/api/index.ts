/**
 * Entry of the package for programs that read an audit log: `import { askLog } from 'argus-broker/audit'`.
 *
 * The grammar is that of `argus audit list` and of the console. All of it only reads, and works while a broker writes.
 */
export { AuditError, type LinePlace, type VerifyResult, verifyAudit } from '../../../broker/audit/index.ts';
export { AuditQuestionError, type AuditQuestionErrorCode } from '../errors.ts';
export {
  FIELDS,
  type Predicate,
  parseQuestion,
  predicateOf,
  type QueryField,
  type QueryRow,
  type Question,
  RecordRow,
} from '../query/index.ts';
export { type Answer, type AskOptions, askLog } from './ask.ts';
