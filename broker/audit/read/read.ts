/**
 * The records of a log in order, parsed but not verified: for queries and indexes, which verify nothing. Reads only.
 */
import { parseLine } from '../chain.ts';
import type { AuditReader } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { type LinePlace, segmentParts } from './lines.ts';
import type { TailLine } from './tail.ts';

export interface PlacedLine extends TailLine {
  /** Start of the line, and its length without the newline. `readLineAt` takes both. */
  readonly place: LinePlace;
  readonly length: number;
}

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
  for await (const part of readAuditParts(directory, from, reader)) yield* part;
}

export interface ReadLine extends PlacedLine {
  /** A view of a chunk: copy it to keep it longer than one iteration. */
  readonly bytes: Uint8Array;
}

/**
 * The same, one chunk at a time. The lines of a chunk are parsed one by one while the caller goes through them: so many
 * records at once would cost more in the garbage collector than in the parser.
 */
export async function* readAuditParts(
  directory: string,
  from: LinePlace = { segment: 0, offset: 0 },
  reader: AuditReader = nodeFiles(directory),
): AsyncGenerator<Iterable<ReadLine>> {
  for await (const { start, lines } of chunksOfLines(reader, from)) yield parsedLines(start, lines);
}

function* parsedLines(start: LinePlace, lines: readonly Uint8Array[]): Generator<ReadLine> {
  for (const { place, bytes } of placedLines(start, lines))
    yield { segment: place.segment, parsed: parseLine(bytes), place, length: bytes.length, bytes };
}

/** The lines as bytes. They are a view of a chunk: copy them to keep them longer than one iteration. */
export async function* readLines(
  reader: AuditReader,
  from: LinePlace,
): AsyncGenerator<{ readonly place: LinePlace; readonly bytes: Uint8Array }> {
  for await (const { start, lines } of chunksOfLines(reader, from)) yield* placedLines(start, lines);
}

async function* chunksOfLines(
  reader: AuditReader,
  from: LinePlace,
): AsyncGenerator<{ readonly start: LinePlace; readonly lines: readonly Uint8Array[] }> {
  for (const { number, bytes, fault } of await reader.segments()) {
    if (fault !== undefined || number < from.segment) continue;
    let offset = number === from.segment ? from.offset : 0;
    for await (const lines of segmentParts(reader, number, offset, bytes)) {
      yield { start: { segment: number, offset }, lines };
      offset = lines.reduce((sum, line) => sum + line.length + 1, offset);
    }
  }
}

function* placedLines(
  { segment, offset: start }: LinePlace,
  lines: readonly Uint8Array[],
): Generator<{ readonly place: LinePlace; readonly bytes: Uint8Array }> {
  let offset = start;
  for (const bytes of lines) {
    yield { place: { segment, offset }, bytes };
    offset += bytes.length + 1;
  }
}

/** The files of a log, for readers that go on from a place. */
export function auditReader(directory: string): AuditReader {
  return nodeFiles(directory);
}

/** The place after a line. */
export function placeAfter({ place, length }: PlacedLine): LinePlace {
  return { segment: place.segment, offset: place.offset + length + 1 };
}

/** Reads one line again, by its place. */
export async function readLineAt(
  directory: string,
  place: LinePlace,
  length: number,
  reader: AuditReader = nodeFiles(directory),
): Promise<TailLine> {
  return { segment: place.segment, parsed: parseLine(await reader.read(place.segment, place.offset, length)) };
}
