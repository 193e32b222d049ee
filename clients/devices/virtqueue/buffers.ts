/** The buffers of a chain, in every layout of a queue: found in memory once, then read and written where they were found. */
import { MAX_WRITABLE_BYTES } from '../base/index.ts';
import type { Chain } from './chain.ts';
import type { QueueFault } from './fault.ts';
import type { QueueMemory } from './memory.ts';

export const DESCRIPTOR_BYTES = 16;
export const DESCRIPTOR_NEXT = 1;
export const DESCRIPTOR_WRITE = 2;
export const DESCRIPTOR_INDIRECT = 4;
/** Addresses from here on are not exact as numbers; no guest has so much memory. */
const ADDRESS_HIGH_LIMIT = 0x20_0000;

/** The address of the descriptor at `at`; -1: no guest has such memory. */
export function addressIn(table: Buffer, at: number): number {
  const high = table.readUInt32LE(at + 4);
  return high >= ADDRESS_HIGH_LIMIT ? -1 : high * 0x1_0000_0000 + table.readUInt32LE(at);
}

/** Adds a buffer to the chain; the fault, or null. */
export function addBuffer(
  memory: QueueMemory,
  chain: Chain,
  maxReadableBytes: number,
  address: number,
  length: number,
  isWritable: boolean,
): QueueFault | null {
  if (!isWritable && chain.writable.length > 0) return 'order';
  if (length === 0) return null;
  if (!memory.has(address, length)) return 'memory';
  if (isWritable) {
    chain.writable.push(address, length);
    chain.writableBytes += length;
    return chain.writableBytes > MAX_WRITABLE_BYTES ? 'length' : null;
  }
  chain.readable.push(address, length);
  chain.readableBytes += length;
  return chain.readableBytes > maxReadableBytes ? 'length' : null;
}

/** Copies all readable bytes; false: the memory was removed. */
export function readBuffers(memory: QueueMemory, chain: Chain, into: Buffer): boolean {
  let at = 0;
  for (let part = 0; part < chain.readable.length; part += 2) {
    const length = chain.readable[part + 1] ?? 0;
    if (!memory.read(chain.readable[part] ?? 0, into.subarray(at, at + length))) return false;
    at += length;
  }
  return true;
}

/** Writes as many of the bytes as there is room for, and returns how many; -1: the memory was removed. */
export function writeBuffers(memory: QueueMemory, chain: Chain, bytes: Uint8Array): number {
  let at = 0;
  for (let part = 0; part < chain.writable.length && at < bytes.length; part += 2) {
    const length = Math.min(chain.writable[part + 1] ?? 0, bytes.length - at);
    if (!memory.write(chain.writable[part] ?? 0, bytes.subarray(at, at + length))) return -1;
    at += length;
  }
  return at;
}
