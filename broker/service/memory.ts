/** The memory limit for the messages of all domains: from the options, or a part of the machine's memory. */
import { totalmem } from 'node:os';
import { MACHINE_MEMORY_SHARE, MIN_MEMORY_BYTES } from '../process/index.ts';

/** `configured` null: a part of the memory that this process may use, in the machine or in its cgroup. */
export function memoryBytes(configured: number | null): number {
  if (configured !== null) return configured;
  // Without a limit by the kernel this is 0, or more than the machine has.
  const limit = process.constrainedMemory();
  const usable = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return Math.max(MIN_MEMORY_BYTES, Math.floor(usable * MACHINE_MEMORY_SHARE));
}

/** A warning for the operator at start, when all rings together could exceed the limit; else null. */
export function overCommitment(total: number, domains: number, ringBytesPerDomain: number): string | null {
  const promised = domains * ringBytesPerDomain;
  if (promised <= total) return null;
  const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1_048_576)} MiB`;
  return `rings of ${domains} domains may be ${mebibytes(promised)} in all, but messages may take ${mebibytes(total)} (limits.memoryBytes): domains that do not read share it`;
}
