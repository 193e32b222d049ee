/**
 * The time of each test file on an idle machine of two cores: a committed table. With it a run can say at its start how
 * long it will take, and start long files first. `npm test -- --write-times` measures the times again.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Times = Readonly<Record<string, number>>;

const TABLE = 'test/support/runner/times.json';
/** Estimate for a file that is not in the table yet. */
const UNKNOWN_MS = 2_000;
/** Cost of starting one more file in a process that it shares with others. */
export const START_IN_BATCH_MS = 250;

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
