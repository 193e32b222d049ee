/**
 * The records of a log in order, parsed but not verified: for queries and indexes, which verify nothing. Reads only.
 */
import { parseLine } from '../chain.ts';
import type { AuditReader } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { MAX_LINE_BYTES } from '../limits.ts';
import type { PlacedLine, TailLine } from './follow.ts';
import { type LinePlace, type LinesPart, segmentParts } from './lines.ts';

/**
 * Whole lines, oldest first, up to the present end of the log.
 *
 * @param from the end of an earlier reading: `placeAfter` of its last line
 */
export async function* readAudit(
  directory: string,
  from?: LinePlace,
  reader: AuditReader = nodeFiles(directory),
): AsyncGenerator<PlacedLine> {
  for await (const part of partsFrom(reader, from ?? BEGINNING)) {
    for (const line of placedLines(part)) {
      const { place, length } = line;
      yield { segment: place.segment, parsed: parsedOf(line), place, length };
    }
  }
}

const BEGINNING: LinePlace = { segment: 0, offset: 0 };

/** One line as bytes. They are a view of a chunk: copy them to keep them longer than one iteration. */
export interface RawLine {
  readonly place: LinePlace;
  /** Of the line, without its newline. */
  readonly length: number;
  /** The whole line; of a line over the limit, its first bytes. */
  readonly bytes: Uint8Array;
}

export async function* readLines(reader: AuditReader, from: LinePlace): AsyncGenerator<RawLine> {
  for await (const part of readLineParts(reader, from)) yield* part;
}

/** The same, one chunk at a time. */
export async function* readLineParts(reader: AuditReader, from: LinePlace): AsyncGenerator<Iterable<RawLine>> {
  for await (const part of partsFrom(reader, from)) yield placedLines(part);
}

/** A line over the limit is no record, whatever its first bytes are. */
export function parsedOf({ bytes, length }: Pick<RawLine, 'bytes' | 'length'>): TailLine['parsed'] {
  return length > MAX_LINE_BYTES ? 'LINE_TOO_LONG' : parseLine(bytes);
}

interface PlacedPart extends LinesPart {
  readonly segment: number;
}

async function* partsFrom(reader: AuditReader, from: LinePlace): AsyncGenerator<PlacedPart> {
  for (const { number, bytes, fault } of await reader.segments()) {
    if (fault !== undefined || number < from.segment) continue;
    const offset = number === from.segment ? from.offset : 0;
    for await (const part of segmentParts(reader, number, offset, bytes)) yield { segment: number, ...part };
  }
}

function* placedLines({ segment, offset: start, lines, cut: cutFromFirst }: PlacedPart): Generator<RawLine> {
  let [offset, cut] = [start, cutFromFirst];
  for (const bytes of lines) {
    const length = bytes.length + cut;
    yield { place: { segment, offset }, length, bytes };
    offset += length + 1;
    cut = 0;
  }
}

/** The files of a log, for readers that go on from a place. */
export function auditReader(directory: string): AuditReader {
  return nodeFiles(directory);
}

/** The place after a line. */
export function placeAfter({ place, length }: Pick<RawLine, 'place' | 'length'>): LinePlace {
  return { segment: place.segment, offset: place.offset + length + 1 };
}

/** Reads one line again, by its place. */
export async function readLineAt(
  directory: string,
  place: LinePlace,
  length: number,
  reader: AuditReader = nodeFiles(directory),
): Promise<TailLine> {
  const bytes = await reader.read(place.segment, place.offset, Math.min(length, MAX_LINE_BYTES));
  return { segment: place.segment, parsed: parsedOf({ bytes, length }) };
}
