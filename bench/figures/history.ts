/**
 * One file per release in bench/history: what the release reached, in units of the baseline of its own run. Absolute
 * figures of two machines or two days say nothing about each other; ratios do, roughly.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Limit } from './limit.ts';
import type { Report } from './report.ts';

export const HISTORY = fileURLToPath(new URL('../history', import.meta.url));
/** Beyond this share worse than the release before, a figure is pointed at. Single runs differ by tens of per cent. */
export const NOTABLE = 0.2;

const figure = z.number().nullable();
const entrySchema = z.object({
  version: z.string(),
  host: z.object({ cpu: z.string(), cores: z.number(), node: z.string() }),
  baseline: z.string(),
  cells: z.array(
    z.object({
      size: z.number(),
      messagesPerSecond: figure,
      p50Micros: figure,
      p99Micros: figure,
      /** Of the broker's CPU to the physical limit; null without `--limit`. */
      limitRatio: figure,
      memoryBytes: z.number(),
    }),
  ),
});

export type Entry = z.infer<typeof entrySchema>;

/** What the arm `argus-unix` reached. */
export function entryOf(version: string, report: Report, limits: readonly Limit[]): Entry {
  const { cpu, cores, node } = report.host;
  const cells = report.arms.flatMap((cell) => {
    const ratios = report.ratios.cells.find(({ arm, size }) => arm === cell.arm && size === cell.size);
    if (cell.arm !== 'argus-unix' || ratios === undefined) return [];
    const { size, messagesPerSecond, p50Micros, p99Micros } = ratios;
    const limitRatio = limits.find((limit) => limit.size === size)?.ratio ?? null;
    return [{ size, messagesPerSecond, p50Micros, p99Micros, limitRatio, memoryBytes: cell.memoryBytes }];
  });
  return { version, host: { cpu, cores, node }, baseline: report.ratios.baseline, cells };
}

export async function save(entry: Entry, folder: string = HISTORY): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${entry.version}.json`);
  await writeFile(path, `${JSON.stringify(entry, null, 2)}\n`);
  return path;
}

/** The newest release that is not `version`; null when there is none. */
export async function before(version: string, folder: string = HISTORY): Promise<Entry | null> {
  const names = await readdir(folder).catch(() => []);
  const versions = names
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .filter((name) => name !== version)
    .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  const newest = versions.at(-1);
  if (newest === undefined) return null;
  return entrySchema.parse(JSON.parse(await readFile(join(folder, `${newest}.json`), 'utf8')));
}

/** A line for each figure that is notably worse than in the release before. */
export function regressions(now: Entry, then: Entry): string[] {
  const lines: string[] = [];
  for (const cell of now.cells) {
    const old = then.cells.find(({ size }) => size === cell.size);
    if (old === undefined) continue;
    const look = (what: string, value: number | null, reference: number | null, isMoreBetter: boolean): void => {
      if (value === null || reference === null || reference === 0) return;
      const change = value / reference;
      if (isMoreBetter ? change >= 1 - NOTABLE : change <= 1 + NOTABLE) return;
      lines.push(`${cell.size} B: ${what} ${value.toFixed(2)}, was ${reference.toFixed(2)} in ${then.version}`);
    };
    look('messages/s ×', cell.messagesPerSecond, old.messagesPerSecond, true);
    look('p50 ×', cell.p50Micros, old.p50Micros, false);
    look('p99 ×', cell.p99Micros, old.p99Micros, false);
    look('CPU / limit', cell.limitRatio, old.limitRatio, false);
  }
  return lines;
}
