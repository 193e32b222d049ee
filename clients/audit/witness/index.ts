/** Entry of witness/: a witness of the auditor's own, over HTTP. */
export { serveWitness } from './server.ts';
