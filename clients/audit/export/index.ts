/** Entry of export/: a record in the formats of other systems. Pure. */
export { avcLine } from './avc.ts';
export { cefLine } from './cef.ts';
export { ecsDocument } from './ecs.ts';
export { journalEntry } from './journal.ts';
export { ocsfEvent } from './ocsf.ts';
