/**
 * One record by its number. Numbers ascend in a log that nobody has altered, so the segment that holds a record is found
 * by halving, and only that one is read. What is not there is looked for in the whole log, whose numbers may be anything.
 */
import type { ParsedLine } from '../chain.ts';
import type { AuditReader } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { parsedOf, readLines } from './read.ts';

export interface NumberedRecord {
  readonly parsed: ParsedLine;
  /** The line without its newline, as the record after it has hashed it. */
  readonly bytes: Uint8Array;
}

/** Parsed, not verified. Null: there is no such record. */
export async function readRecord(
  directory: string,
  seq: number,
  reader: AuditReader = nodeFiles(directory),
): Promise<NumberedRecord | null> {
  const isWanted = (each: number): boolean => each === seq;
  const segment = await segmentWith(reader, seq);
  return (await firstWith(reader, segment, isWanted, segment)) ?? firstWith(reader, 0, isWanted);
}

/** The last readable segment whose first record is not behind `seq`. */
async function segmentWith(reader: AuditReader, seq: number): Promise<number> {
  const segments = (await reader.segments()).filter(({ fault }) => fault === undefined);
  let [low, high] = [0, segments.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const { number = 0 } = segments[middle] ?? {};
    const first = await firstWith(reader, number, () => true, number);
    if (first === null || first.parsed.seq > seq) high = middle - 1;
    else low = middle;
  }
  return segments[low]?.number ?? 0;
}

/** The first record from the beginning of a segment on whose number `isWanted`; `last`: the last segment to look at. */
async function firstWith(
  reader: AuditReader,
  segment: number,
  isWanted: (seq: number) => boolean,
  last = Number.POSITIVE_INFINITY,
): Promise<NumberedRecord | null> {
  for await (const line of readLines(reader, { segment, offset: 0 })) {
    if (line.place.segment > last) return null;
    const parsed = parsedOf(line);
    if (typeof parsed !== 'string' && isWanted(parsed.seq)) return { parsed, bytes: line.bytes };
  }
  return null;
}
