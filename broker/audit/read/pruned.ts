/**
 * The part of a log that retention removed, as the file `pruned` states it: enough to continue the chain and the tree.
 *
 * The file needs no trust. Its head must be the `prev` of the first record that is left. Its nodes are in the root of
 * every later checkpoint. A record `audit.prune`, which a checkpoint covers, must state the removal (verify/).
 */
import { CompactRange, type TreeNode } from '../evidence/index.ts';
import type { AuditReader, SegmentInfo } from '../files/files.ts';

export const PRUNED_FILE = 'pruned';

export interface PrunedPart {
  /** The newest removed segment. */
  readonly segment: number;
  /** Records 1 to this one were removed. */
  readonly records: number;
  /** Hash of the last removed line. */
  readonly head: string;
  /** Event of the last removed record. */
  readonly event: string;
  /** Hash of record 1: part of the log's origin. */
  readonly firstLeaf: string;
  /** The fewest subtrees over the removed records. */
  readonly nodes: readonly TreeNode[];
}

const HASH = /^[0-9a-f]{64}$/;

/** Null: nothing was removed, or the file does not say what. Never throws because of the file's content. */
export async function readPruned(reader: AuditReader): Promise<PrunedPart | null> {
  return parsePruned((await reader.readBeside(PRUNED_FILE)) ?? '');
}

/**
 * The removed part, and the segments after it. A removal that was interrupted can leave some of the removed segments;
 * as long as the first one is there, nothing counts as removed.
 */
export async function withoutPruned(
  reader: AuditReader,
  segments: readonly SegmentInfo[],
): Promise<{ readonly pruned: PrunedPart | null; readonly left: readonly SegmentInfo[] }> {
  const pruned = segments[0]?.number === 1 ? null : await readPruned(reader);
  if (pruned === null) return { pruned, left: segments };
  return { pruned, left: segments.filter(({ number }) => number > pruned.segment) };
}

export function prunedText(part: PrunedPart): string {
  return `${JSON.stringify(part)}\n`;
}

function parsePruned(text: string): PrunedPart | null {
  try {
    const { segment, records, head, event, firstLeaf, nodes } = JSON.parse(text) as Partial<PrunedPart>;
    if (!isCount(segment) || !isCount(records) || typeof event !== 'string') return null;
    if (!HASH.test(head ?? '') || !HASH.test(firstLeaf ?? '') || !Array.isArray(nodes)) return null;
    if (head === undefined || firstLeaf === undefined || !coversAll(nodes, records)) return null;
    return { segment, records, head, event, firstLeaf, nodes };
  } catch {
    // Not JSON: the same as no file.
    return null;
  }
}

/** One subtree for each bit of the number of records, the largest first. */
function coversAll(nodes: readonly unknown[], records: number): nodes is readonly TreeNode[] {
  let at = 0;
  let above = Number.POSITIVE_INFINITY;
  for (const node of nodes) {
    const { level, index, hash } = (node ?? {}) as Partial<TreeNode>;
    if (typeof level !== 'number' || !Number.isSafeInteger(level) || level < 0 || level >= above) return false;
    if (index !== at / 2 ** level || typeof hash !== 'string' || !HASH.test(hash)) return false;
    at += 2 ** level;
    above = level;
  }
  return at === records;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** Root of the tree over the removed records. */
export function prunedRoot({ nodes }: PrunedPart): string {
  return new CompactRange(0, nodes).root();
}
