/** Ring arithmetic: the bytes that a message occupies, and when consumed room is returned to the broker. */
import { MESSAGE_HEADER_BYTES, MSG_SLOT_BYTES } from '../../../broker/wire/index.ts';
import { CREDIT_BATCH_BYTES, CREDIT_RING_SHARE } from '../limits.ts';

/** Argo: a 16-byte header, then the payload rounded up to whole slots. At most 2^24, so the bit mask is safe. */
export function occupiedBytes(payloadBytes: number): number {
  return MESSAGE_HEADER_BYTES + ((payloadBytes + MSG_SLOT_BYTES - 1) & -MSG_SLOT_BYTES);
}

/** Consumed bytes that are returned without waiting. */
export function creditThreshold(ringBytes: number): number {
  return Math.min(CREDIT_BATCH_BYTES, Math.floor(ringBytes / CREDIT_RING_SHARE));
}
