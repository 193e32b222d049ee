/** Guest memory, read and written piece by piece. */

export { GuestMemory, type MemoryRegion } from './guest-memory.ts';
export { memoryFile } from './memory-file.ts';
