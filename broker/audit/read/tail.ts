/**
 * The newest records of a log, and new ones as they are written. Works while a broker writes, across rotation and
 * restart. Reads only.
 */
import { parseLine } from '../chain.ts';
import type { AuditReader } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { MAX_LINE_BYTES, READ_BYTES } from '../limits.ts';
import { followAudit, type TailLine } from './follow.ts';
import type { LinePlace } from './lines.ts';

export interface TailOptions {
  /** Number of the newest lines, among those that `wants` accepts. 0 = only new lines. */
  readonly lines: number;
  readonly wants?: (line: TailLine) => boolean;
  /** If given, also returns new lines until the signal is aborted. */
  readonly follow?: AbortSignal;
  /** Default: the directory's files. */
  readonly reader?: AuditReader;
}

/** Oldest first. Throws AuditError ERR_AUDIT_DIRECTORY if there is nothing to read. */
export async function* tailAudit(directory: string, options: TailOptions): AsyncGenerator<TailLine> {
  const reader = options.reader ?? nodeFiles(directory);
  const wants = options.wants ?? (() => true);
  const start = await position(reader);
  const newest: TailLine[] = [];
  if (options.lines > 0) {
    for await (const line of backwards(reader, start)) {
      if (wants(line)) newest.push(line);
      if (newest.length >= options.lines) break;
    }
  }
  yield* newest.reverse();
  if (options.follow === undefined) return;
  for await (const line of followAudit(directory, start, options.follow, reader)) if (wants(line)) yield line;
}

const NEWLINE = 0x0a;

/** The place after the last whole line of the newest segment. */
async function position(reader: AuditReader): Promise<LinePlace> {
  const newest = (await reader.segments()).at(-1);
  if (newest === undefined) return { segment: 0, offset: 0 };
  for (let to = newest.bytes; to > 0; ) {
    const from = Math.max(0, to - READ_BYTES);
    const at = (await reader.read(newest.number, from, to - from)).lastIndexOf(NEWLINE);
    if (at >= 0) return { segment: newest.number, offset: from + at + 1 };
    to = from;
  }
  return { segment: newest.number, offset: 0 };
}

/** Whole lines from `start` back to the first of the log. Torn tails are skipped. */
async function* backwards(reader: AuditReader, start: LinePlace): AsyncGenerator<TailLine> {
  const segments = (await reader.segments()).filter(({ number }) => number <= start.segment).reverse();
  for (const { number, bytes } of segments) {
    yield* segmentBackwards(reader, number, number === start.segment ? start.offset : bytes);
  }
}

async function* segmentBackwards(reader: AuditReader, segment: number, bytes: number): AsyncGenerator<TailLine> {
  // The bytes of a line whose start is in an earlier chunk. Null until the segment's last newline is found.
  let rest: Uint8Array | null = null;
  for (let to = bytes; to > 0; ) {
    const from = Math.max(0, to - READ_BYTES);
    const chunk = await reader.read(segment, from, to - from);
    let end = chunk.length;
    for (let at = chunk.lastIndexOf(NEWLINE); at >= 0; at = at === 0 ? -1 : chunk.lastIndexOf(NEWLINE, at - 1)) {
      if (rest !== null) yield toLine(segment, Buffer.concat([chunk.subarray(at + 1, end), rest]));
      rest = new Uint8Array(0);
      end = at;
    }
    if (rest !== null) rest = Buffer.concat([chunk.subarray(0, end), rest]).subarray(0, MAX_LINE_BYTES + 1);
    to = from;
  }
  if (rest !== null) yield toLine(segment, rest);
}

function toLine(segment: number, bytes: Uint8Array): TailLine {
  return { segment, parsed: bytes.length > MAX_LINE_BYTES ? 'LINE_TOO_LONG' : parseLine(bytes) };
}
