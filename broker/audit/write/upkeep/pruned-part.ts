/** What must be kept of records that are about to be removed: their tree, and the link to the next record. */
import { hashLine, parseLine } from '../../chain.ts';
import { CompactRange } from '../../evidence/index.ts';
import type { AuditReader, SegmentInfo } from '../../files/files.ts';
import { UPKEEP_PART_BYTES, ZERO_HASH } from '../../limits.ts';
import { segmentEnd } from '../../read/end.ts';
import { segmentLines } from '../../read/lines.ts';
import type { PrunedPart } from '../../read/pruned.ts';
import { parsedOf } from '../../read/read.ts';
import { scanOf } from '../../verify/index.ts';

/**
 * Reads the segments that are to be removed. Null: they are not one clean chain that the next segment continues. Then
 * another process altered them, and they are evidence: the broker must not remove them.
 *
 * @param before the part that was removed earlier; null: none
 * @param going the segments to remove, ascending, directly after that part
 * @param next the segment after them
 */
export async function partThrough(
  reader: AuditReader,
  before: PrunedPart | null,
  going: readonly SegmentInfo[],
  next: SegmentInfo,
): Promise<PrunedPart | null> {
  const walk = new ChainWalk(reader, before);
  let segment = before?.segment ?? 0;
  let event = before?.event ?? '';
  for (const { number, bytes } of going) {
    if (number !== segment + 1) return null;
    segment = number;
    const end = await segmentEnd(reader, number, bytes);
    if (!(await walk.through(number, bytes - end.tornBytes))) return null;
    event = end.event ?? event;
  }
  const { firstLeaf, head, tree } = walk;
  if (firstLeaf === null || next.number !== segment + 1 || !(await continues(reader, next, head))) return null;
  return { segment, records: tree.end, head, event, firstLeaf, nodes: [...tree.nodes] };
}

class ChainWalk {
  readonly #reader: AuditReader;
  readonly tree: CompactRange;
  head: string;
  firstLeaf: string | null;

  constructor(reader: AuditReader, before: PrunedPart | null) {
    this.#reader = reader;
    this.tree = new CompactRange(0, before?.nodes);
    this.head = before?.head ?? ZERO_HASH;
    this.firstLeaf = before?.firstLeaf ?? null;
  }

  /** False: the lines of a segment, up to `size`, do not continue the chain. */
  async through(segment: number, size: number): Promise<boolean> {
    for (let from = 0; from < size; ) {
      const part = { segment, from, to: Math.min(size, from + UPKEEP_PART_BYTES), size };
      const scanned = await scanOf(this.#reader, part, []);
      // The fast scan leaves some records to the slow one, those about torn tails for example.
      if (scanned === null || scanned.start !== from) return this.#slowly(segment, from, size);
      const { firstSeq, firstPrev, firstLeaf, lastHash, nodes } = scanned.summary;
      if (firstSeq !== this.tree.end + 1 || firstPrev !== this.head) return false;
      this.firstLeaf ??= firstLeaf;
      for (const node of nodes) this.tree.append(node);
      this.head = lastHash;
      from = scanned.end;
    }
    return true;
  }

  async #slowly(segment: number, from: number, size: number): Promise<boolean> {
    for await (const line of segmentLines(this.#reader, segment, from, size)) {
      const parsed = parsedOf({ bytes: line, length: line.length });
      if (typeof parsed === 'string' || parsed.seq !== this.tree.end + 1 || parsed.prev !== this.head) return false;
      this.head = hashLine(line);
      this.firstLeaf ??= this.head;
      this.tree.appendLeaf(this.head);
    }
    return true;
  }
}

/** Is the first record of a segment linked to this head? */
async function continues(reader: AuditReader, { number, bytes }: SegmentInfo, head: string): Promise<boolean> {
  for await (const line of segmentLines(reader, number, 0, bytes)) {
    const first = parseLine(line);
    return typeof first !== 'string' && first.prev === head;
  }
  return false;
}
