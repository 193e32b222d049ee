/** The lines that are appended to a log after a place, as they are written, across rotation and restart. Reads only. */
import { setTimeout } from 'node:timers/promises';
import { type LineFault, type ParsedLine, parseLine } from '../chain.ts';
import type { AuditReader } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { FOLLOW_POLL_MS, MAX_LINE_BYTES, READ_BYTES } from '../limits.ts';
import type { LinePlace } from './lines.ts';

const NEWLINE = 0x0a;

/** One line of the log as it was read; a `fault` means that it is not a record. */
export interface TailLine {
  readonly segment: number;
  /** Unverified: a reader checks each line by itself, only verify checks the chain. */
  readonly parsed: ParsedLine | LineFault | 'LINE_TOO_LONG';
}

export interface PlacedLine extends TailLine {
  /** Start of the line, and its length without the newline. `readLineAt` takes both. */
  readonly place: LinePlace;
  readonly length: number;
}

/** @param from the end of an earlier reading; segment 0: the beginning of the log */
export async function* followAudit(
  directory: string,
  from: LinePlace,
  signal: AbortSignal,
  reader: AuditReader = nodeFiles(directory),
): AsyncGenerator<PlacedLine> {
  let { segment, offset } = from;
  // Bytes before `offset` that belong to its line, because the line is longer than a chunk.
  let begun = 0;
  while (!signal.aborted) {
    // List before reading: once a later segment exists, this one is complete.
    const later = (await reader.segments()).find(({ number }) => number > segment);
    const chunk = segment === 0 ? new Uint8Array(0) : await reader.read(segment, offset, READ_BYTES);
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      const length = begun + end - at;
      const place = { segment, offset: offset + at - begun };
      const isOverlong = begun > 0 || length > MAX_LINE_BYTES;
      yield { segment, parsed: isOverlong ? 'LINE_TOO_LONG' : parseLine(chunk.subarray(at, end)), place, length };
      begun = 0;
      at = end + 1;
    }
    if (at === 0 && chunk.length === READ_BYTES) {
      begun += chunk.length;
      at = chunk.length;
    }
    offset += at;
    if (at > 0) continue;
    if (later !== undefined) {
      segment = later.number;
      offset = 0;
      begun = 0;
    } else await pause(signal);
  }
}

/** Waits for the next look, or until `signal` aborts: only that makes the timer reject. */
async function pause(signal: AbortSignal): Promise<void> {
  await setTimeout(FOLLOW_POLL_MS, undefined, { signal }).catch(() => {});
}
