/** Which test files there are, which of them were asked for, and which must have the machine to themselves. */
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

export interface Plan {
  /** Run side by side. */
  readonly parallel: readonly string[];
  /** Run one at a time, after the others: they start processes, measure time or boot machines. */
  readonly serial: readonly string[];
}

const SERIAL = [/^test\/integration\//, /^test\/vm\//, /\.serial\.test\.ts$/];

/** Every `*.test.ts` below `root/test` whose path contains one of the words (all, if there are none), sorted. */
export function planTests(root: string, words: readonly string[]): Plan {
  const files = readdirSync(join(root, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort();
  const isSerial = (file: string): boolean => SERIAL.some((pattern) => pattern.test(file));
  return { parallel: files.filter((file) => !isSerial(file)), serial: files.filter(isSerial) };
}
