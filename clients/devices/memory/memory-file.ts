/** A file that backs guest memory: pread and pwrite on its descriptor, never a mapping. */
import { fstatSync, readSync, writeSync } from 'node:fs';
import type { Descriptor } from '../sys/index.ts';

/** All or nothing: false when the file ends too early or is closed. */
export interface MemoryFile {
  read(into: Uint8Array, position: number): boolean;
  write(from: Uint8Array, position: number): boolean;
  close(): void;
}

/**
 * The file of `descriptor`, which it takes over, or null when it is no regular file of at least `bytes` bytes. A pipe or
 * a device could block this process; a file that is too short would grow when it is written.
 */
export function memoryFile(descriptor: Descriptor, bytes: number): MemoryFile | null {
  const stat = fstatSync(descriptor.fd);
  if (!stat.isFile() || stat.size < bytes) return null;
  return {
    read: (into, position) => {
      try {
        return readSync(descriptor.fd, into, 0, into.length, position) === into.length;
      } catch {
        return false; // closed, or the host failed to read: in both cases the bytes are not known
      }
    },
    write: (from, position) => {
      try {
        return writeSync(descriptor.fd, from, 0, from.length, position) === from.length;
      } catch {
        return false; // as above
      }
    },
    close: () => descriptor.close(),
  };
}
