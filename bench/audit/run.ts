/** `npm run bench -- --audit`: verifying a log, indexing it, questions to the index, and readers of a live log. */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Table from 'cli-table3';
import { verifyAudit } from '../../broker/audit/index.ts';
import {
  DerivedIndex,
  eachLine,
  groupsOf,
  openDatabase,
  parseQuestion,
  type QueryField,
} from '../../clients/audit/index.ts';
import type { Cleanup } from '../cleanup.ts';
import { TABLE_STYLE } from '../figures/table.ts';
import { type DelayFigure, measureDelays, measureReading, type ReadingFigures } from './live.ts';
import { makeLog } from './make-log.ts';

const DEFAULT_RECORDS = 1_000_000;
const QUICK_RECORDS = 100_000;
/** In the log that is read while it grows. */
const LIVE_RECORDS = 1_000_000;
const BUILT_AUDIT = new URL('../../dist/broker/audit/index.js', import.meta.url).href;
/** A question is asked so often; its median counts. */
const ROUNDS = 5;
const REPORT: readonly QueryField[] = ['src', 'dst', 'class', 'permission', 'decision', 'reason'];

export interface AuditFigure {
  readonly name: string;
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Absent: the figure is not about all records. */
  readonly recordsPerSecond?: number;
}

export interface AuditReport {
  readonly records: number;
  readonly logBytes: number;
  readonly indexBytes: number;
  readonly figures: readonly AuditFigure[];
  readonly reading: ReadingFigures;
  readonly delays: readonly DelayFigure[];
}

export interface AuditRequest {
  readonly folder: string;
  readonly isQuick: boolean;
  readonly records?: number;
  readonly cleanup: Cleanup;
  progress(line: string): void;
}

export async function runAudit(request: AuditRequest): Promise<AuditReport> {
  const { folder, isQuick, records: wanted, cleanup, progress } = request;
  const records = wanted ?? (isQuick ? QUICK_RECORDS : DEFAULT_RECORDS);
  const [directory, file] = [join(folder, 'audit'), join(folder, 'index.duckdb')];
  progress(`write ${records} records`);
  const logBytes = makeLog(directory, records);
  const figures: AuditFigure[] = [];
  progress('verify');
  figures.push(await verifyBuilt(directory, records));
  figures.push(await measured('verify: one thread', records, () => verifyAudit(directory)));
  progress('index');
  const index = await DerivedIndex.open(directory, await openDatabase(file));
  figures.push(await measured('index', records, () => index.catchUp()));
  figures.push(await measured('index: nothing new', null, () => index.catchUp()));
  progress('questions');
  const selective = parseQuestion('decision=deny src=app-8 port<100', Date.now());
  const all = parseQuestion('', Date.now());
  figures.push(await median('list: some 0.01 %', () => eachLine(index, directory, selective, () => undefined)));
  figures.push(await median('report: all by src, dst, class, …', () => groupsOf(index, all, REPORT)));
  index.close();
  const live = { cleanup, isQuick, progress, records: Math.min(records, LIVE_RECORDS) };
  const delays = await measureDelays({ ...live, folder: join(folder, 'delays') });
  const reading = await measureReading({ ...live, folder: join(folder, 'reading') });
  return { records, logBytes, indexBytes: statSync(file).size, figures, reading, delays };
}

/** The built package, in a process of its own: only there verify has worker threads. */
async function verifyBuilt(directory: string, records: number): Promise<AuditFigure> {
  const code = `
    import { verifyAudit } from ${JSON.stringify(BUILT_AUDIT)};
    const begin = performance.now();
    const { ok } = await verifyAudit(${JSON.stringify(directory)});
    const { user, system } = process.cpuUsage();
    console.log(JSON.stringify({ ok, wallMs: performance.now() - begin, cpuMs: (user + system) / 1000 }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code]);
  const { ok, wallMs, cpuMs } = JSON.parse(stdout) as { ok: boolean; wallMs: number; cpuMs: number };
  if (!ok) throw new Error('the log does not verify');
  return { name: 'verify', wallMs, cpuMs, recordsPerSecond: (1_000 * records) / wallMs };
}

async function measured(name: string, records: number | null, act: () => Promise<unknown>): Promise<AuditFigure> {
  const [begin, before] = [performance.now(), process.cpuUsage()];
  await act();
  const wallMs = performance.now() - begin;
  const { user, system } = process.cpuUsage(before);
  const rate = records === null ? {} : { recordsPerSecond: (1_000 * records) / wallMs };
  return { name, wallMs, cpuMs: (user + system) / 1_000, ...rate };
}

async function median(name: string, act: () => Promise<unknown>): Promise<AuditFigure> {
  const figures: AuditFigure[] = [];
  for (let round = 0; round < ROUNDS; round++) figures.push(await measured(name, null, act));
  figures.sort((a, b) => a.wallMs - b.wallMs);
  return figures[Math.floor(ROUNDS / 2)] ?? { name, wallMs: Number.NaN, cpuMs: Number.NaN };
}

export function renderAudit({ records, logBytes, indexBytes, figures, reading, delays }: AuditReport): string {
  const table = new Table({ head: ['', 'wall ms', 'CPU ms', 'records/s'], style: TABLE_STYLE });
  for (const { name, wallMs, cpuMs, recordsPerSecond } of figures)
    table.push([name, wallMs.toFixed(1), cpuMs.toFixed(1), recordsPerSecond?.toFixed(0) ?? '']);
  const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MiB`;
  const seen = new Table({ head: ['from the disk to the reader', 'p50 ms', 'max ms'], style: TABLE_STYLE });
  for (const { name, p50Ms, maxMs } of delays) seen.push([name, p50Ms.toFixed(0), maxMs.toFixed(0)]);
  const { rounds, reports } = reading;
  const sends = (load: string, list: ReadingFigures['paced']): string => {
    const shown = new Table({ head: [load, 'msg/s', 'ratio', 'request p50 µs', 'ratio'], style: TABLE_STYLE });
    for (const { name, messagesPerSecond, throughputRatio, p50Micros, p50Ratio } of list)
      shown.push([
        ...[name, messagesPerSecond.toFixed(0), throughputRatio.toFixed(3)],
        ...[p50Micros.toFixed(0), p50Ratio.toFixed(3)],
      ]);
    return shown.toString();
  };
  return [
    `${records} records: log ${mib(logBytes)}, index ${mib(indexBytes)}`,
    table.toString(),
    seen.toString(),
    sends('as many sends as possible, 1764 B', reading.saturating),
    sends('20 000 sends a second, 1764 B', reading.paced),
    `${rounds} rounds of each, in turns; a log of ${reading.records} records, ${reports} reports meanwhile`,
  ].join('\n');
}
