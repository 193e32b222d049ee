/** Compares bytes with hexadecimal text without making a text of them. Pure. */

/** By byte: the character codes of its two digits in lower case. */
const [HIGH_DIGIT, LOW_DIGIT] = [new Uint8Array(256), new Uint8Array(256)];
for (let byte = 0; byte < 256; byte++) {
  const digits = byte.toString(16).padStart(2, '0');
  HIGH_DIGIT[byte] = digits.charCodeAt(0);
  LOW_DIGIT[byte] = digits.charCodeAt(1);
}

/** Are the digits from `at` on those of `bytes[from, to)`, in lower case? */
export function isHexOf(digits: Uint8Array, at: number, bytes: Uint8Array, from: number, to: number): boolean {
  let place = at;
  for (let index = from; index < to; index++, place += 2) {
    const byte = bytes[index] ?? 0;
    if (digits[place] !== HIGH_DIGIT[byte] || digits[place + 1] !== LOW_DIGIT[byte]) return false;
  }
  return true;
}

/** By byte: 0 for a digit in lower case, 1 for any other. */
const IS_OTHER = new Uint8Array(256).fill(1);
for (const digit of '0123456789abcdef') IS_OTHER[digit.charCodeAt(0)] = 0;

/** One branch for all of them: almost always they are. */
export function areHexDigits(bytes: Uint8Array, from: number, to: number): boolean {
  let others = 0;
  for (let at = from; at < to; at++) others |= IS_OTHER[bytes[at] ?? 0] ?? 1;
  return others === 0;
}
