/** Entry of cases/: what an auditor selects, says about it, and gives to a third party. */
export { CaseFolder } from './case-folder.ts';
export { MAX_CASE_BYTES, MAX_CASE_RECORDS } from './limits.ts';
export { type CaseAuthor, checkCase, makeCase, selectRecords } from './make-case.ts';
export { CASE_FAULTS, type CaseVerdict, verifyCase } from './verify-case.ts';
