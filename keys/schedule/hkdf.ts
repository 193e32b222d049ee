/** HKDF-SHA256 in its two steps (RFC 5869), because the key schedule expands the same secret under several labels. */
import { createHmac } from 'node:crypto';
import { HASH_BYTES, HKDF_MAX_BLOCKS } from '../base/index.ts';

/** RFC 5869 §2.2. @returns PRK, 32 bytes */
export function hkdfExtract(salt: Uint8Array, inputKeyMaterial: Uint8Array): Uint8Array {
  return createHmac('sha256', salt).update(inputKeyMaterial).digest();
}

/** RFC 5869 §2.3. @param length bytes, at most 255 × 32 */
export function hkdfExpand(pseudorandomKey: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length > HKDF_MAX_BLOCKS * HASH_BYTES)
    throw new RangeError(`hkdf: ${length} bytes is more than it can expand to`);
  const output = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let offset = 0, counter = 1; offset < length; offset += HASH_BYTES, counter += 1) {
    block = createHmac('sha256', pseudorandomKey).update(block).update(info).update(Uint8Array.of(counter)).digest();
    output.set(block.subarray(0, Math.min(HASH_BYTES, length - offset)), offset);
  }
  return output;
}
