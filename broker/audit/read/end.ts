/** Finds the end of a log: when a run begins, after a crash, and after each failed write. Reads only. */
import { createHash } from 'node:crypto';
import { hashLine, parseLine } from '../chain.ts';
import { AuditError } from '../errors.ts';
import type { AuditReader } from '../files/files.ts';
import { MAX_LINE_BYTES, READ_BYTES, ZERO_HASH } from '../limits.ts';
import type { AuditHead } from '../log.ts';

/** Bytes after a segment's last newline: an interrupted write. They stay, and the next record states them exactly. */
export interface TornTail {
  readonly segment: number;
  readonly bytes: number;
  readonly sha256: string;
}

export interface LogEnd extends AuditHead {
  /** Event of the last whole record; null in an empty log. */
  readonly event: string | null;
  /** Highest segment number; 0 if there is none. */
  readonly segment: number;
  /** Its length. */
  readonly bytes: number;
  /** Torn tails that no record states yet, oldest first. More than one after several crashes in a row. */
  readonly torn: readonly TornTail[];
}

const NEWLINE = 0x0a;

/** How one segment ends. */
export interface SegmentEnd {
  /** Null: it has no whole line, or its last one is too long. */
  readonly lastLine: Uint8Array | null;
  /** Of the last record, milliseconds since 1970; null: it is not a record. */
  readonly time: number | null;
  readonly event: string | null;
  /** Bytes after the last newline. */
  readonly tornBytes: number;
}

export async function segmentEnd(reader: AuditReader, segment: number, bytes: number): Promise<SegmentEnd> {
  const end = await endOfLastLine(reader, segment, bytes);
  const lastLine = end === 0 ? null : await lineBefore(reader, segment, end);
  const parsed = lastLine === null ? null : parseLine(lastLine);
  if (parsed === null || typeof parsed === 'string')
    return { lastLine, time: null, event: null, tornBytes: bytes - end };
  const time = Date.parse(typeof parsed.fields.time === 'string' ? parsed.fields.time : '');
  return { lastLine, time: Number.isNaN(time) ? null : time, event: parsed.event, tornBytes: bytes - end };
}

/** Throws ERR_AUDIT_CORRUPT if the last whole line is not a record: the chain could not be continued. */
export async function findEnd(reader: AuditReader): Promise<LogEnd> {
  const segments = [...(await reader.segments())].reverse();
  const newest = segments[0];
  const at = { segment: newest?.number ?? 0, bytes: newest?.bytes ?? 0 };
  const torn: TornTail[] = [];
  for (const { number, bytes } of segments) {
    const end = await endOfLastLine(reader, number, bytes);
    if (end < bytes)
      torn.unshift({ segment: number, bytes: bytes - end, sha256: await digest(reader, number, end, bytes) });
    if (end === 0) continue;
    const line = await lineBefore(reader, number, end);
    const parsed = line === null ? 'too long' : parseLine(line);
    if (line === null || typeof parsed === 'string') {
      throw new AuditError(
        'ERR_AUDIT_CORRUPT',
        `last line of audit segment ${number} is not a record (${parsed}); run "argus audit verify", then move the directory aside`,
      );
    }
    return { ...at, seq: parsed.seq, hash: hashLine(line), event: parsed.event, torn };
  }
  return { ...at, seq: 0, hash: ZERO_HASH, event: null, torn };
}

/** Offset just after the last newline before `bytes`; 0 if there is none. */
async function endOfLastLine(reader: AuditReader, segment: number, bytes: number): Promise<number> {
  for (let to = bytes; to > 0; ) {
    const from = Math.max(0, to - READ_BYTES);
    const at = (await reader.read(segment, from, to - from)).lastIndexOf(NEWLINE);
    if (at >= 0) return from + at + 1;
    to = from;
  }
  return 0;
}

/** The line that ends (with its newline) at `end`; null if it is longer than a line can be. */
async function lineBefore(reader: AuditReader, segment: number, end: number): Promise<Uint8Array | null> {
  const from = Math.max(0, end - MAX_LINE_BYTES - 2);
  const chunk = await reader.read(segment, from, end - from);
  const start = chunk.lastIndexOf(NEWLINE, chunk.length - 2);
  if (start < 0 && from > 0) return null;
  return chunk.subarray(start + 1, chunk.length - 1);
}

/** SHA-256, hex, of a range of a segment. */
export async function digest(reader: AuditReader, segment: number, from: number, to: number): Promise<string> {
  const hash = createHash('sha256');
  for (let at = from; at < to; at += READ_BYTES)
    hash.update(await reader.read(segment, at, Math.min(READ_BYTES, to - at)));
  return hash.digest('hex');
}
