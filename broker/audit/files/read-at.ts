/** Reading a range of a file, however many calls of the host that takes. An edge. */
import type { FileHandle } from 'node:fs/promises';

/**
 * `length` bytes from `offset` on; fewer only at the end of the file.
 *
 * @param bytes where they go; the result is a view of it
 */
export async function readAt(
  handle: FileHandle,
  offset: number,
  length: number,
  bytes: Uint8Array = Buffer.allocUnsafe(length),
): Promise<Uint8Array> {
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
