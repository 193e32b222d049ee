/** Entry of console/. */
export type { CaseDesk } from './cases.ts';
export { type AuditConsole, openConsole } from './server.ts';
export type { Witnesses } from './witnesses.ts';
