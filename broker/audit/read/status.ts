/** The state of a log: lost and withheld events, the signed part, and the time until the disk is full. Reads only. */
import { statfs } from 'node:fs/promises';
import { parseLine } from '../chain.ts';
import { parseCheckpoint } from '../evidence/index.ts';
import type { AuditReader } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { DAY_MS } from '../limits.ts';
import { latestCheckpoint } from '../prove.ts';
import { milestoneOf } from '../verify/milestones.ts';
import { firstTime, lines, timeOf } from './lines.ts';
import { withoutPruned } from './pruned.ts';

export interface AuditStatus {
  /** Does a broker write this log now? */
  readonly live: boolean;
  readonly records: number;
  /** Records that retention removed, from record 1 on. */
  readonly prunedRecords: number;
  readonly segments: number;
  readonly bytes: number;
  /** Of these, on disk: closed segments may be compressed. */
  readonly storedBytes: number;
  /** Periods in which the log could not be written, and the events lost in them. */
  readonly gaps: number;
  readonly lost: number;
  /** Events that were counted instead of written one by one. */
  readonly withheld: number;
  /** Starts after a run that did not end with broker.stop. */
  readonly unclean: number;
  /** Records that the newest checkpoint covers. */
  readonly signed: number;
  /** Times of the first and of the last record; null in an empty log. */
  readonly first: string | null;
  readonly last: string | null;
  /** Growth of the log, from its last day, or from all of it if it is younger. Null: too young for an estimate. */
  readonly bytesPerDay: number | null;
  /** Free bytes of the file system. */
  readonly freeBytes: number;
  /** At the present rate. Null: the log does not grow. */
  readonly daysUntilFull: number | null;
}

/** Free bytes of the file system of a directory. */
type FreeSpace = (directory: string) => Promise<number>;

/** A shorter log is too young to estimate the bytes of a day. */
const MIN_SPAN_MS = 60_000;
/** Byte sequences that every record about the log itself holds, and few others. */
const OWN_EVENT = [Buffer.from('"event":"audit.'), Buffer.from('"event":"broker.')];

/** Throws AuditError ERR_AUDIT_DIRECTORY. */
export async function auditStatus(
  directory: string,
  reader: AuditReader = nodeFiles(directory),
  freeSpace: FreeSpace = freeOf,
): Promise<AuditStatus> {
  const live = await reader.hasWriter();
  const { pruned, left: segments } = await withoutPruned(reader, await reader.segments());
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const storedBytes = segments.reduce((sum, segment) => sum + (segment.stored ?? segment.bytes), 0);
  let [records, gaps, lost, withheld, unclean] = [0, 0, 0, 0, 0];
  let last: Uint8Array | null = null;
  let lastIsStop = pruned === null || pruned.event === 'broker.stop';
  for await (const line of lines(reader, pruned === null ? undefined : { segment: pruned.segment + 1, offset: 0 })) {
    records += 1;
    // A view of a chunk. It keeps that chunk in memory, but only one.
    last = line;
    const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
    if (!OWN_EVENT.some((key) => text.includes(key))) {
      lastIsStop = false;
      continue;
    }
    const parsed = parseLine(line);
    const milestone = typeof parsed === 'string' ? null : milestoneOf(parsed);
    if (milestone?.event === 'audit.gap') gaps += 1;
    if (milestone?.event === 'broker.start' && !lastIsStop) unclean += 1;
    lastIsStop = milestone?.event === 'broker.stop';
    lost += milestone?.lost ?? 0;
    if (milestone?.event === 'audit.withheld' && typeof parsed !== 'string')
      withheld += typeof parsed.fields.count === 'number' ? parsed.fields.count : 1;
  }
  const checkpoint = parseCheckpoint((await latestCheckpoint(directory, reader)) ?? '');
  const starts = await Promise.all(segments.map(({ number, bytes: size }) => firstTime(reader, number, size)));
  const lastTime = last === null ? null : timeOf(last);
  const bytesPerDay = rate(
    segments.map((segment) => segment.stored ?? segment.bytes),
    starts,
    lastTime,
  );
  const freeBytes = await freeSpace(directory);
  return {
    live,
    records,
    prunedRecords: pruned?.records ?? 0,
    segments: segments.length,
    bytes,
    storedBytes,
    gaps,
    lost,
    withheld,
    unclean,
    signed: checkpoint?.size ?? 0,
    first: starts.find((time) => time !== null) ?? null,
    last: lastTime,
    bytesPerDay,
    freeBytes,
    daysUntilFull: bytesPerDay === null || bytesPerDay <= 0 ? null : Math.floor(freeBytes / bytesPerDay),
  };
}

async function freeOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

/** Growth since the newest segment that began a day or more before the last record, or since the oldest segment. */
function rate(segments: readonly number[], starts: readonly (string | null)[], last: string | null): number | null {
  const end = Date.parse(last ?? '');
  const times = starts.map((time) => Date.parse(time ?? ''));
  const from = Math.max(
    0,
    times.findLastIndex((time) => time <= end - DAY_MS),
  );
  const span = end - (times[from] ?? Number.NaN);
  if (!(span >= MIN_SPAN_MS)) return null;
  const grown = segments.slice(from).reduce((sum, bytes) => sum + bytes, 0);
  return Math.round((grown * DAY_MS) / span);
}
