/** Who is worked on when: priced work, shared out among all sessions of the broker. */
export type { Job, Worker } from './job.ts';
export { QUANTUM_UNITS, SLICE_UNITS, UNITS_PER_MS } from './limits.ts';
export {
  decidedUnits,
  frameUnits,
  HELLO_UNITS,
  LINE_MESSAGE_UNITS,
  notifyUnits,
  readUnits,
  recordUnits,
} from './prices.ts';
export { WorkShare } from './share.ts';
export { Turns } from './turns.ts';
