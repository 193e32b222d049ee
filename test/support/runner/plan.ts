/** Which test files there are, which of them were asked for, and which disturb each other. */
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

export interface Plan {
  /** Run side by side. */
  readonly parallel: readonly string[];
  /** Never two of them at a time: they start programs, and listen to what those say or sound like. */
  readonly serial: readonly string[];
  /** Boot machines, which take every core there is: run alone, after all others. */
  readonly machines: readonly string[];
}

const SERIAL = [/^test\/integration\//, /\.serial\.test\.ts$/];
const MACHINES = /^test\/vm\//;

/** Every `*.test.ts` below `root/test` whose path contains one of the words (all, if there are none), sorted. */
export function planTests(root: string, words: readonly string[]): Plan {
  const files = readdirSync(join(root, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort();
  const isSerial = (file: string): boolean => SERIAL.some((pattern) => pattern.test(file));
  const others = files.filter((file) => !MACHINES.test(file));
  return {
    parallel: others.filter((file) => !isSerial(file)),
    serial: others.filter(isSerial),
    machines: files.filter((file) => MACHINES.test(file)),
  };
}
