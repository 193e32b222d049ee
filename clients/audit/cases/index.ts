/** Entry of cases/: what an auditor selects, says about it, and gives to a third party. */
export { MAX_CASE_BYTES } from './limits.ts';
export { checkCase, makeCase, selectRecords } from './make-case.ts';
export { type CaseFault, type CaseVerdict, verifyCase } from './verify-case.ts';
