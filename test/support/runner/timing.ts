/**
 * The time of each test file on an idle machine of two cores: a committed table. With it a run can say at its start how
 * long it will take, and start long files first. `npm test -- --write-times` measures the times again.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from './plan.ts';

export type Times = Readonly<Record<string, number>>;

const TABLE = 'test/support/runner/times.json';
/** Estimate for a file that is not in the table yet. */
const UNKNOWN_MS = 2_000;
/** Cost of starting one more file in a process that it shares with others. */
const START_IN_BATCH_MS = 250;

export function readTimes(root: string): Times {
  const path = join(root, TABLE);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
}

/** Keeps the times of files that were not run, and drops files that no longer exist. */
export function writeTimes(root: string, measured: ReadonlyMap<string, number>): void {
  const kept = Object.entries(readTimes(root)).filter(([file]) => existsSync(join(root, file)));
  const all = new Map([...kept, ...measured]);
  const sorted = [...all].sort(([left], [right]) => (left < right ? -1 : 1));
  writeFileSync(join(root, TABLE), `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
}

export function timeOf(times: Times, file: string): number {
  return times[file] ?? UNKNOWN_MS;
}

export function longestFirst(times: Times, files: readonly string[]): string[] {
  return [...files].sort((left, right) => timeOf(times, right) - timeOf(times, left));
}

/** Groups of about the same time, at most `maxMs` each, unless a single file takes longer. */
export function batches(times: Times, files: readonly string[], maxMs: number): string[][] {
  const made: { files: string[]; ms: number }[] = [];
  for (const file of longestFirst(times, files)) {
    const ms = timeOf(times, file) + START_IN_BATCH_MS;
    const room = made.find((batch) => batch.ms + ms <= maxMs);
    if (room === undefined) made.push({ files: [file], ms });
    else {
      room.files.push(file);
      room.ms += ms;
    }
  }
  return made.map((batch) => batch.files);
}

export interface Estimate {
  readonly seconds: number;
  /** Number of files without a measured time. */
  readonly unknown: number;
}

/** `workers` run the parallel files, and one more runs the serial files. Machines come after both. */
export function estimate(times: Times, plan: Plan, workers: number): Estimate {
  const sum = (files: readonly string[], each = 0): number =>
    files.reduce((total, file) => total + timeOf(times, file) + each, 0);
  const beside = sum(plan.parallel) + sum(plan.inMemory, START_IN_BATCH_MS);
  const all = [...plan.inMemory, ...plan.parallel, ...plan.serial, ...plan.machines];
  return {
    seconds: Math.round((Math.max(beside / workers, sum(plan.serial)) + sum(plan.machines)) / 1_000),
    unknown: all.filter((file) => times[file] === undefined).length,
  };
}
