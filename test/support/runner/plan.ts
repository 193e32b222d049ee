/** Finds the test files, selects the requested ones, and knows which of them disturb each other. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

export interface Plan {
  /** Files that start nothing. Several of them share a process. */
  readonly inMemory: readonly string[];
  /** Files that run at the same time, each in its own process. */
  readonly parallel: readonly string[];
  /** Files that run one at a time, because they start programs and measure their output or sound. */
  readonly serial: readonly string[];
  /** Files that boot machines, which use all cores. They run alone, after all others. */
  readonly machines: readonly string[];
}

const SERIAL = /\.serial\.test\.ts$/;
const MACHINES = /^test\/vm\//;
/** Matches the source of a test or fixture that starts programs, sockets, threads or a broker. */
const STARTS_SOMETHING =
  /from 'node:(child_process|net|dgram|http|tls|worker_threads)'|\bstartBroker\b|\/support\/(processes|installation)\//;

/** Every `*.test.ts` below `root/test` whose path contains one of the words (all, if there are none), sorted. */
export function planTests(root: string, words: readonly string[]): Plan {
  const files = readdirSync(join(root, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort();
  const isSerial = (file: string): boolean => SERIAL.test(file);
  const others = files.filter((file) => !MACHINES.test(file));
  const beside = others.filter((file) => !isSerial(file));
  const inMemory = new Set(beside.filter((file) => !startsSomething(root, file, new Set())));
  return {
    inMemory: [...inMemory],
    parallel: beside.filter((file) => !inMemory.has(file)),
    serial: others.filter(isSerial),
    machines: files.filter((file) => MACHINES.test(file)),
  };
}

/** Reads the file and its imports below `test/`. Importing the product itself starts nothing. */
function startsSomething(root: string, file: string, seen: Set<string>): boolean {
  if (seen.has(file)) return false;
  seen.add(file);
  const source = readFileSync(join(root, file), 'utf8');
  if (STARTS_SOMETHING.test(source)) return true;
  const imported = [...source.matchAll(/(?:from|import) '(\.[^']+)'/g)]
    .map(([, specifier]) =>
      relative(root, join(root, dirname(file), specifier ?? ''))
        .split(sep)
        .join('/'),
    )
    .filter((path) => path.startsWith('test/') && existsSync(join(root, path)));
  return imported.some((path) => startsSomething(root, path, seen));
}
