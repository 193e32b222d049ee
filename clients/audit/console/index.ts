/** Entry of console/. */

export { type AuditConsole, openConsole } from './server.ts';
export type { CaseDesk } from './views/cases.ts';
export { askWitnesses, type WitnessAnswers, type Witnesses } from './witnesses.ts';
