/** The ranges that an AEAD may read and write in place. */
import { AEAD_TAG_BYTES, KeyError, MAX_AEAD_BYTES } from '../base/index.ts';

/** @throws KeyError ERR_KEY_AEAD_USAGE unless `length` bytes from `start` and a tag after them lie inside `bytes` */
export function assertSealedRange(bytes: Uint8Array, start: number, length: number): void {
  if (!isRange(bytes, start, length) || length > bytes.byteLength - AEAD_TAG_BYTES - start)
    throw rangeError(bytes, start, length, ' and a tag');
}

/** The same without a tag. */
export function assertRange(bytes: Uint8Array, start: number, length: number): void {
  if (!isRange(bytes, start, length)) throw rangeError(bytes, start, length, '');
}

function isRange(bytes: Uint8Array, start: number, length: number): boolean {
  return (
    ArrayBuffer.isView(bytes) &&
    Number.isSafeInteger(start) &&
    start >= 0 &&
    Number.isSafeInteger(length) &&
    length >= 0 &&
    length <= MAX_AEAD_BYTES &&
    start + length <= bytes.byteLength
  );
}

function rangeError(bytes: Uint8Array, start: number, length: number, tag: string): KeyError {
  const given = ArrayBuffer.isView(bytes) ? `the ${bytes.byteLength} bytes passed` : 'a byte array';
  return new KeyError(
    'ERR_KEY_AEAD_USAGE',
    `aead range: ${length} bytes from ${start}${tag} do not lie inside ${given}`,
  );
}
