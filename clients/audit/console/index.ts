/** Entry of console/. */
export { type AuditConsole, openConsole } from './server.ts';
