/** Entry of witness/: a witness of the auditor's own, over HTTP. */
export { IdentityOfWitness } from './holder.ts';
export { serveWitness } from './server.ts';
