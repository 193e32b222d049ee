/** Cuts segments into parts of whole lines, which can be checked in parallel. */
import type { AuditReader } from '../files/files.ts';
import { MAX_LINE_BYTES } from '../limits.ts';
import { nodeSha256, type Sha256 } from '../sha256.ts';
import { type PartSummary, scanPart } from './scan.ts';

/** The lines that begin in [from, to) of a segment. */
export interface Part {
  readonly segment: number;
  readonly from: number;
  readonly to: number;
  /** The segment's length when verify began. Later bytes are not read. */
  readonly size: number;
}

export interface ScannedPart {
  /** Start of its first line and end of its last one. */
  readonly start: number;
  readonly end: number;
  readonly summary: PartSummary;
}

const NEWLINE = 0x0a;
/** Longer than most records. */
const READ_AHEAD_BYTES = 4_096;

/** Scans parts one after the other, because all of them are read into the same memory. */
export class PartScanner {
  readonly #reader: AuditReader;
  readonly #sizes: readonly number[];
  readonly #sha256: Sha256;
  readonly #memory = new ScanMemory();
  #last: Promise<unknown> = Promise.resolve();

  /** @param sizes tree sizes whose roots are wanted, ascending */
  constructor(reader: AuditReader, sizes: readonly number[], sha256: Sha256) {
    this.#reader = reader;
    this.#sizes = sizes;
    this.#sha256 = sha256;
  }

  /** Null: the slow check must read this part. May be called while others wait. */
  scan(part: Part): Promise<ScannedPart | null> {
    const scanned = this.#last.then(() =>
      scanOf(this.#reader, part, this.#sizes, this.#memory, this.#sha256).catch(() => null),
    );
    this.#last = scanned;
    return scanned;
  }
}

/** Memory for the bytes of one part at a time. To allocate it for each part costs a tenth of the scan. */
class ScanMemory {
  #bytes = Buffer.alloc(0);

  /** At least so many bytes. What was returned before is overwritten. */
  take(length: number): Buffer {
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafeSlow(length);
    return this.#bytes;
  }
}

/**
 * Null: not one clean chain of whole lines. The slow check must read this part.
 *
 * @param memory of one scan at a time; default: memory of its own
 */
export async function scanOf(
  reader: AuditReader,
  part: Part,
  sizes: readonly number[],
  memory = new ScanMemory(),
  sha256: Sha256 = nodeSha256,
): Promise<ScannedPart | null> {
  const { from } = part;
  // Read one byte before `from`. It is a newline if a line begins at `from`. The scan needs this byte in any case.
  const base = Math.max(0, from - 1);
  const bytes = await wholeLines(reader, part, base, memory);
  if (bytes === null || bytes.length === 0) return null;
  const read = from === 0 ? Buffer.concat([new Uint8Array(1), bytes]) : bytes;
  const skipped = from === 0 ? 0 : read.indexOf(NEWLINE);
  if (skipped < 0 || skipped + 1 >= read.length) return null;
  const summary = scanPart(read.subarray(skipped), sizes, sha256);
  if (summary === null) return null;
  const start = from === 0 ? 0 : base + skipped + 1;
  return { start, end: start + read.length - skipped - 1, summary };
}

/** From `base` to the end of the line that holds the last byte of the part. Null: that line does not end. */
async function wholeLines(reader: AuditReader, part: Part, base: number, memory: ScanMemory): Promise<Buffer | null> {
  const { segment, to, size } = part;
  const length = Math.min(size, to + READ_AHEAD_BYTES) - base;
  const read = await reader.read(segment, base, length, memory.take(length));
  const bytes = Buffer.from(read.buffer, read.byteOffset, read.byteLength);
  // Nearly always the line ends in what was read, and nothing is copied.
  const end = bytes.indexOf(NEWLINE, Math.min(size, to) - base - 1);
  if (end >= 0) return bytes.subarray(0, end + 1);
  const tail = await restOfLine(reader, part, base + bytes.length);
  return tail === null ? null : Buffer.concat([bytes, tail]);
}

/** The bytes up to and including the next newline. Null: there is none within the limit of a line. */
async function restOfLine(reader: AuditReader, { segment, size }: Part, at: number): Promise<Uint8Array | null> {
  const bytes = await reader.read(segment, at, Math.min(MAX_LINE_BYTES + 1, size - at));
  const end = bytes.indexOf(NEWLINE);
  return end < 0 ? null : bytes.subarray(0, end + 1);
}
