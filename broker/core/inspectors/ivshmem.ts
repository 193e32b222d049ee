/**
 * Doorbells between guests (clients/devices/ivshmem): the permission is the number of the vector. The sender's section
 * travels in the same message, so a refused doorbell delivers no bytes either.
 *
 *   u8 version, 1 · u8 vector · u8 peers · u8 sender · u32 bytes of a section · the section
 *
 * A section of more than 64 KiB starts with a frame: u32 sequence, u32 length. Only `length` bytes travel.
 */
import { type Inspector, MALFORMED } from './inspector.ts';

const HEADER_BYTES = 8;
const FRAME_BYTES = 8;
const VERSION = 1;
const MAX_WHOLE_SECTION_BYTES = 65_536;

const permissions = [
  'vector-0',
  'vector-1',
  'vector-2',
  'vector-3',
  'vector-4',
  'vector-5',
  'vector-6',
  'vector-7',
] as const;

export const ivshmem: Inspector = {
  permissions,
  inspect: (bytes, start, end) => {
    const size = end - start - HEADER_BYTES;
    if (size < 0 || bytes[start] !== VERSION) return MALFORMED;
    const vector = bytes[start + 1] ?? 0;
    if (vector >= permissions.length || (bytes[start + 3] ?? 0) >= (bytes[start + 2] ?? 0)) return MALFORMED;
    const section = u32(bytes, start + 4);
    if (section <= MAX_WHOLE_SECTION_BYTES) return size === section ? vector : MALFORMED;
    if (size < FRAME_BYTES || size > section) return MALFORMED;
    return u32(bytes, start + HEADER_BYTES + 4) === size - FRAME_BYTES ? vector : MALFORMED;
  },
};

function u32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  return (bytes[at + 3] ?? 0) * 0x100_0000 + low;
}
