/**
 * Memory for the writes of all lines of this process. A batch is used until the kernel has taken it. Allocating it for
 * each write would be the largest cost of the carrier: fresh pages for the kernel, and pressure on the garbage
 * collector.
 */
import { BATCH_BYTES, MAX_POOLED } from '../limits.ts';

const free: Buffer[] = [];

/** BATCH_BYTES of uninitialised memory: the caller must write each byte before it is read. */
export function takeBatch(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
}

/** The caller must be the last user of the batch. */
export function giveBatch(batch: Buffer): void {
  if (free.length < MAX_POOLED) free.push(batch);
}
