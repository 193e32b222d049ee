/** `npm run bench -- --audit`: verifying a log, indexing it, and questions to the index. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
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
import { TABLE_STYLE } from '../figures/table.ts';
import { makeLog } from './make-log.ts';

const DEFAULT_RECORDS = 1_000_000;
const QUICK_RECORDS = 100_000;
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
}

export interface AuditRequest {
  readonly folder: string;
  readonly isQuick: boolean;
  readonly records?: number;
  progress(line: string): void;
}

export async function runAudit({ folder, isQuick, records: wanted, progress }: AuditRequest): Promise<AuditReport> {
  const records = wanted ?? (isQuick ? QUICK_RECORDS : DEFAULT_RECORDS);
  const [directory, file] = [join(folder, 'audit'), join(folder, 'index.duckdb')];
  progress(`write ${records} records`);
  const logBytes = makeLog(directory, records);
  const figures: AuditFigure[] = [];
  progress('verify');
  figures.push(await measured('verify', records, () => verifyAudit(directory)));
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
  return { records, logBytes, indexBytes: statSync(file).size, figures };
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

export function renderAudit({ records, logBytes, indexBytes, figures }: AuditReport): string {
  const table = new Table({ head: ['', 'wall ms', 'CPU ms', 'records/s'], style: TABLE_STYLE });
  for (const { name, wallMs, cpuMs, recordsPerSecond } of figures)
    table.push([name, wallMs.toFixed(1), cpuMs.toFixed(1), recordsPerSecond?.toFixed(0) ?? '']);
  const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MiB`;
  return `${records} records: log ${mib(logBytes)}, index ${mib(indexBytes)}\n${table.toString()}`;
}
