/**
 * Memory for what all lines of this process write, each piece until the kernel has it. Taken anew each time it would be the
 * largest cost of the carrier: they are fresh pages to the kernel and pressure to the garbage collector.
 */
import { BATCH_BYTES, MAX_POOLED } from '../limits.ts';

const free: Buffer[] = [];

/** BATCH_BYTES of whatever was there before: the taker writes each byte before it is read. */
export function takeBatch(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
}

/** The giver must be the last to hold it. */
export function giveBatch(batch: Buffer): void {
  if (free.length < MAX_POOLED) free.push(batch);
}
