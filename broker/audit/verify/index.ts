/** Entry of verify/. */
export { CHECKPOINTS_FILE, VKEY_FILE } from './checkpoints.ts';
export { scanOf } from './parts.ts';
export type { LogProblem, ProblemCode } from './problems.ts';
export { type VerifyResult, verifyAudit } from './verify.ts';
