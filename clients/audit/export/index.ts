/** The door of export/: a record in the words of other systems. Pure. */
export { cefLine } from './cef.ts';
export { ecsDocument } from './ecs.ts';
