/** Entry of console/. */

export { type AuditConsole, openConsole } from './server.ts';
export type { CaseDesk } from './views/cases.ts';
export type { Witnesses } from './witnesses.ts';
