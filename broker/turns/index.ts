/** Who is worked on when: priced work, shared out among all sessions of the broker. */
export type { Job, Worker } from './job.ts';
export { QUANTUM_UNITS, SLICE_UNITS } from './limits.ts';
export { CHUNK_UNITS, decidedUnits, frameUnits, HELLO_UNITS, notifyUnits, recordUnits } from './prices.ts';
export { WorkShare } from './share.ts';
export { Turns } from './turns.ts';
