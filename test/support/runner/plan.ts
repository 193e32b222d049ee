/** Finds the test files, selects the requested ones, and knows which of them may run at the same time. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { batches, longestFirst, START_IN_BATCH_MS, type Times, timeOf } from './timing.ts';

export interface Plan {
  /** Files that start nothing. Several of them share a process. */
  readonly inMemory: readonly string[];
  /** Files that run at the same time, each in its own process. */
  readonly parallel: readonly string[];
  /** Files that run one at a time, because they start programs and measure their output or sound. */
  readonly serial: readonly string[];
  /** Files that boot machines, which use more than a core. They run one at a time, next to others. */
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

/** Files that run in one process. */
export type Unit = readonly string[];

/** A failure prints the output of its whole batch, so a batch is not everything. */
const MAX_BATCH_MS = 20_000;

/**
 * One worker runs the serial files. The others share the rest, and the first of them begins with the machines: these take
 * longest, and two of them never run at once. Serial files mostly wait for sound and for browsers: they take a third of a
 * core, so a machine has room next to them.
 *
 * @param run runs one unit to its end
 */
export async function runPlan(
  plan: Plan,
  times: Times,
  workers: number,
  run: (unit: Unit) => Promise<void>,
): Promise<void> {
  const work = async (queue: Unit[]): Promise<void> => {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) await run(unit);
  };
  const alone = (files: readonly string[]): Unit[] => longestFirst(times, files).map((file) => [file]);
  const shared = [...alone(plan.parallel), ...batches(times, plan.inMemory, MAX_BATCH_MS)];
  const machinesFirst = work(alone(plan.machines)).then(() => work(shared));
  const others = Array.from({ length: workers - 1 }, () => work(shared));
  await Promise.all([work(alone(plan.serial)), machinesFirst, ...others]);
}

export interface Estimate {
  readonly seconds: number;
  /** Number of files without a measured time. */
  readonly unknown: number;
}

/** The time until the last worker ends. */
export function estimate(times: Times, plan: Plan, workers: number): Estimate {
  const sum = (files: readonly string[], each = 0): number =>
    files.reduce((total, file) => total + timeOf(times, file) + each, 0);
  const machines = sum(plan.machines);
  const shared = machines + sum(plan.parallel) + sum(plan.inMemory, START_IN_BATCH_MS);
  const all = [...plan.inMemory, ...plan.parallel, ...plan.serial, ...plan.machines];
  return {
    seconds: Math.round(Math.max(sum(plan.serial), machines, shared / workers) / 1_000),
    unknown: all.filter((file) => times[file] === undefined).length,
  };
}
