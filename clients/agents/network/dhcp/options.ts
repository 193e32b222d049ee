/**
 * The options field: code, length, value; long values in several pieces (RFC 3396), and more room in `file` and `sname`
 * when option 52 says so.
 */
import { Option } from './constants.ts';

/** Code -> value, the pieces joined. */
export type Options = ReadonlyMap<number, Uint8Array>;

const MAX_PIECE = 255;

/**
 * Adds the options of `field` to `into`, to its end mark if it has one. False when an option reaches beyond the field.
 */
export function readOptions(field: Uint8Array, into: Map<number, Uint8Array>): boolean {
  let at = 0;
  while (at < field.length) {
    const code = field[at] ?? 0;
    if (code === Option.pad) {
      at++;
      continue;
    }
    if (code === Option.end) return true; // no reader may look at the bytes after it
    const length = field[at + 1];
    if (length === undefined || at + 2 + length > field.length) return false;
    const value = field.slice(at + 2, at + 2 + length);
    const earlier = into.get(code);
    into.set(code, earlier === undefined ? value : Uint8Array.from([...earlier, ...value]));
    at += 2 + length;
  }
  return true; // some clients leave the end mark out
}

/** With the end mark. */
export function writeOptions(options: Options): Uint8Array {
  const bytes: number[] = [];
  for (const [code, value] of options) {
    if (value.length === 0) bytes.push(code, 0);
    for (let at = 0; at < value.length; at += MAX_PIECE) {
      const piece = value.subarray(at, at + MAX_PIECE);
      bytes.push(code, piece.length, ...piece);
    }
  }
  bytes.push(Option.end);
  return Uint8Array.from(bytes);
}

/** Bytes that `writeOptions` needs, less the end mark. */
export function optionBytes(value: Uint8Array): number {
  return value.length + 2 * Math.max(1, Math.ceil(value.length / MAX_PIECE));
}
