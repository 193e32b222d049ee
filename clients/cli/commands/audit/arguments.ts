/** Arguments that several commands of `argus audit` take. */
import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { parseVerifierKey, type VerifierKey } from '../../../../broker/audit/index.ts';

/** Longer than any note or key file. */
const MAX_FILE_BYTES = 64 * 1024;

/** `NAME+ID+BASE64`, or a file that holds it. */
export function parseKey(text: string): VerifierKey {
  const key = parseVerifierKey(text) ?? parseVerifierKey(readSmallFile(text) ?? '');
  if (key === null) throw new InvalidArgumentError('expected a key as "argus audit key" prints it, or a file with it.');
  return key;
}

/** For options that may be given several times. */
export function parseKeys(text: string, before: readonly VerifierKey[] | undefined): readonly VerifierKey[] {
  return [...(before ?? []), parseKey(text)];
}

export function parseSeq(text: string): number {
  const seq = Number(text);
  if (!/^[1-9]\d{0,15}$/.test(text) || !Number.isSafeInteger(seq))
    throw new InvalidArgumentError('expected the number of a record, 1 or more.');
  return seq;
}

/** Null: the file does not exist, or is longer than the expected one. */
export function readSmallFile(path: string): string | null {
  try {
    const text = readFileSync(path, 'utf8');
    return text.length <= MAX_FILE_BYTES ? text : null;
  } catch {
    return null;
  }
}
