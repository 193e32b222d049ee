/** Divides the broker's CPU time among all sessions: work has a price, and each domain has a share. */
export type { Job, Worker } from './job.ts';
export {
  BURST_UNITS,
  DOMAIN_IDLE,
  FAULT_WEIGHT,
  FEDERATION_IDLE,
  QUANTUM_UNITS,
  REST_MS,
  SLICE_UNITS,
  STRANGERS,
  STRANGERS_IDLE,
  UNITS_PER_MS,
} from './limits.ts';
export {
  byteUnits,
  DELIVERY_UNITS,
  decidedUnits,
  FAULT_UNITS,
  frameUnits,
  HELLO_UNITS,
  LINE_MESSAGE_UNITS,
  notifyUnits,
  openUnits,
  READ_UNITS,
  RECEIPT_UNITS,
  readByteUnits,
  recordUnits,
  SEARCH_UNITS,
  sendUnits,
} from './prices.ts';
export { WorkShare } from './share.ts';
export { Turns } from './turns.ts';
