/**
 * Reads a log in batches from a position, as a follower: it looks at the files, so the broker that writes them never
 * waits for it.
 *
 * Each record names the hash of the one before it. The position remembers that hash, so a log that was exchanged, cut
 * off or thinned out between two batches is noticed.
 */
import {
  type AuditReader,
  hashLine,
  type LinePlace,
  type ParsedLine,
  parsedOf,
  placeAfter,
  readLines,
} from '../../../broker/audit/index.ts';
import { StreamError } from './errors.ts';
import { MAX_BATCH_BYTES, MAX_BATCH_RECORDS } from './limits.ts';

export interface StreamRecord extends ParsedLine {
  /** The exact text of the line. */
  readonly line: string;
  /** Its hash: the `prev` of the next record. The same in no other record of any log. */
  readonly hash: string;
}

/** The place between two records. */
export interface StreamPosition {
  readonly place: LinePlace;
  /** The record before it; 0: the beginning of the log. */
  readonly seq: number;
  /** The hash of that record; null: not known, because there is none or it is damaged. */
  readonly hash: string | null;
}

export const BEGINNING: StreamPosition = { place: { segment: 0, offset: 0 }, seq: 0, hash: null };

export interface StreamBatch {
  /** The wanted ones, in the order of the log. */
  readonly records: readonly StreamRecord[];
  /** After everything that was read, wanted or not. */
  readonly end: StreamPosition;
  /** True: nothing was read. */
  readonly isEmpty: boolean;
  /** False: the first record is in the segment of the position, and is not the one that followed there. */
  readonly goesOn: boolean;
  /** What a reader has to know: lines that are not records, records that are missing. */
  readonly findings: readonly string[];
}

/**
 * Throws ERR_STREAM_CURSOR when the log does not hold the position.
 * A position in a segment that retention has removed is good: the records between are a finding.
 */
export async function checkPosition(reader: AuditReader, { place, seq }: StreamPosition): Promise<void> {
  if (seq === 0) return;
  const segments = await reader.segments();
  const own = segments.find(({ number }) => number === place.segment);
  const isPruned = own === undefined && segments.some(({ number }) => number > place.segment);
  if (isPruned || (own !== undefined && own.bytes >= place.offset)) return;
  throw new StreamError(
    'ERR_STREAM_CURSOR',
    `the log ends before record ${seq}, which was streamed: it was cut off, rolled back or exchanged; run "argus audit verify"`,
  );
}

export async function readBatch(
  reader: AuditReader,
  from: StreamPosition,
  wants: (record: ParsedLine) => boolean,
): Promise<StreamBatch> {
  const records: StreamRecord[] = [];
  const findings: string[] = [];
  let [end, bytes, count, goesOn] = [from, 0, 0, true];
  for await (const raw of readLines(reader, from.place)) {
    const { place, bytes: line } = raw;
    const parsed = parsedOf(raw);
    const after = placeAfter(raw);
    count += 1;
    if (typeof parsed === 'string') {
      findings.push(`a line of segment ${place.segment} is not a record: ${parsed}`);
      end = { place: after, seq: end.seq, hash: null };
    } else {
      const gap = gapBefore(parsed, end);
      if (gap !== null) findings.push(gap);
      if (gap !== null && count === 1 && place.segment === from.place.segment) goesOn = false;
      const hash = hashLine(line);
      end = { place: after, seq: parsed.seq, hash };
      if (wants(parsed)) {
        records.push({ ...parsed, line: Buffer.from(line).toString('utf8'), hash });
        bytes += line.length;
      }
    }
    if (count >= MAX_BATCH_RECORDS || bytes >= MAX_BATCH_BYTES) break;
  }
  return { records, end, isEmpty: count === 0, goesOn, findings };
}

/** Null: the record follows upon the position, as far as it is known. */
function gapBefore({ seq, prev }: ParsedLine, { seq: last, hash }: StreamPosition): string | null {
  if (last === 0 && hash === null) return seq === 1 ? null : missing(1, seq - 1);
  if (seq > last + 1) return missing(last + 1, seq - 1);
  if (seq <= last) return `record ${seq} comes after record ${last}: the log was altered; run "argus audit verify"`;
  if (hash !== null && prev !== hash)
    return `record ${seq} does not follow upon record ${last}: the log was altered; run "argus audit verify"`;
  return null;
}

function missing(from: number, to: number): string {
  return `records ${from} to ${to} are not in the log any more, and were not streamed`;
}
