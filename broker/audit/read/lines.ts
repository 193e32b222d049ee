/** The whole lines of a log in order, as bytes. Torn tails are skipped. Reads only. */
import { parseLine } from '../chain.ts';
import type { AuditReader } from '../files/files.ts';
import { MAX_LINE_BYTES, READ_BYTES } from '../limits.ts';

/** A place between two lines. */
export interface LinePlace {
  readonly segment: number;
  readonly offset: number;
}

const NEWLINE = 0x0a;
const NOTHING = new Uint8Array(0);

/**
 * A line is a view of a chunk: copy it to keep it longer than one iteration. Of a line over the limit at least the first
 * MAX_LINE_BYTES + 1 bytes are returned; it cannot be a record.
 *
 * @param from where to begin; default: the first segment
 */
export async function* lines(reader: AuditReader, from?: LinePlace): AsyncGenerator<Uint8Array> {
  for (const { number, bytes, fault } of await reader.segments()) {
    if (fault !== undefined || number < (from?.segment ?? 0)) continue;
    yield* segmentLines(reader, number, number === from?.segment ? from.offset : 0, bytes);
  }
}

/** The lines of one segment in [from, to). */
export async function* segmentLines(
  reader: AuditReader,
  segment: number,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  for await (const part of segmentParts(reader, segment, from, to)) yield* part.lines;
}

/** Lines of a segment that follow one another. */
export interface LinesPart {
  /** The place of the first line. */
  readonly offset: number;
  readonly lines: readonly Uint8Array[];
  /** Bytes of the first line that are left out, because the line is over the limit. */
  readonly cut: number;
}

/** The same, with all lines that end in one chunk at a time: a pause for each single line costs as much as its hash. */
export async function* segmentParts(
  reader: AuditReader,
  segment: number,
  from: number,
  to: number,
): AsyncGenerator<LinesPart> {
  let rest: Uint8Array = NOTHING;
  let cut = 0;
  for (let at = from; at < to; ) {
    const chunk = await reader.read(segment, at, Math.min(READ_BYTES, to - at));
    if (chunk.length === 0) return;
    const offset = at - rest.length - cut;
    at += chunk.length;
    const found: Uint8Array[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = chunk.subarray(start, end);
      found.push(rest.length === 0 ? line : Buffer.concat([rest, line]));
      rest = NOTHING;
      start = end + 1;
    }
    if (found.length > 0) {
      yield { offset, lines: found, cut };
      cut = 0;
    }
    if (start === chunk.length) continue;
    const whole = Buffer.concat([rest, chunk.subarray(start)]);
    rest = whole.subarray(0, MAX_LINE_BYTES + 1);
    cut += whole.length - rest.length;
  }
}

/** The time of a segment's first record, as it is written there. Null: there is none. */
export async function firstTime(reader: AuditReader, segment: number, bytes: number): Promise<string | null> {
  for await (const line of segmentLines(reader, segment, 0, bytes)) return timeOf(line);
  return null;
}

/** Null: the line is not a record. */
export function timeOf(line: Uint8Array): string | null {
  const parsed = parseLine(line);
  return typeof parsed !== 'string' && typeof parsed.fields.time === 'string' ? parsed.fields.time : null;
}
