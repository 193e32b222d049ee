/** Divides the broker's CPU time among all sessions: work has a price, and each domain has a share. */
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
  SEARCH_UNITS,
} from './prices.ts';
export { WorkShare } from './share.ts';
export { Turns } from './turns.ts';
