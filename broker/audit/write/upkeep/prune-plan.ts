/** Which segments retention may remove: whole ones, from the oldest on. The files are an argument. */
import type { AuditReader, SegmentInfo } from '../../files/files.ts';
import { type SegmentEnd, segmentEnd } from '../../read/end.ts';

export interface PruneLimits {
  /** Segments whose last record is older than this moment, milliseconds since 1970, are removed. Null: none. */
  readonly before: number | null;
  /** The oldest segments are removed while all of them have more bytes on disk. Null: no limit. */
  readonly totalBytes: number | null;
}

export interface PrunePlan {
  /** Remove this segment and all before it. */
  readonly through: number;
  readonly cause: 'AGE' | 'SIZE';
}

/**
 * Null: nothing to remove.
 *
 * @param closed all segments but the one that the broker writes, ascending
 * @param currentBytes the length of that one
 */
export async function planPrune(
  reader: AuditReader,
  closed: readonly SegmentInfo[],
  currentBytes: number,
  { before, totalBytes }: PruneLimits,
): Promise<PrunePlan | null> {
  let stored = closed.reduce((sum, segment) => sum + storedBytes(segment), currentBytes);
  let plan: PrunePlan | null = null;
  for (const segment of closed) {
    const isOver = totalBytes !== null && stored > totalBytes;
    const end = await segmentEnd(reader, segment.number, segment.bytes);
    if (!isOver && !isOlder(end, before)) break;
    stored -= storedBytes(segment);
    // A torn tail is stated by the record after it. Both go together, or verify would miss the torn bytes.
    if (end.lastLine !== null && end.tornBytes === 0)
      plan = { through: segment.number, cause: isOver ? 'SIZE' : 'AGE' };
  }
  return plan;
}

export function storedBytes({ bytes, stored }: SegmentInfo): number {
  return stored ?? bytes;
}

function isOlder({ time, lastLine }: SegmentEnd, before: number | null): boolean {
  if (before === null) return false;
  // A segment without a whole line has no age of its own. The next one decides.
  return lastLine === null || (time !== null && time < before);
}
