/**
 * Loads the tree over a log when a broker opens it: from the cache next to the last checkpoint, or from all records.
 * The files are an argument.
 *
 * The broker signs a tree only if it extends the tree that it signed before. It does not continue a log whose signed
 * records were changed or cut off: signing it would turn the forgery into evidence (CVE-2023-31438, -31439 in
 * journald).
 */

import { AuditError } from '../errors.ts';
import {
  type Checkpoint,
  CompactRange,
  leafHash,
  parseCheckpoint,
  splitNotes,
  type TreeNode,
} from '../evidence/index.ts';
import type { AuditFiles } from '../files/files.ts';
import { CHECKPOINT_TAIL_BYTES } from '../limits.ts';
import type { LogEnd } from '../read/end.ts';
import { type LinePlace, lines } from '../read/lines.ts';
import { withoutPruned } from '../read/pruned.ts';
import { CHECKPOINTS_FILE } from '../verify/index.ts';

/**
 * A file next to the checkpoints with the state of the newest tree, so that the broker can continue it without reading
 * the log. It is used only if it matches the checkpoint.
 */
export const STATE_FILE = 'checkpoint.state';

export interface TreeState {
  readonly tree: CompactRange;
  /** Hash of record 1; null in an empty log. */
  readonly firstLeaf: string | null;
  /** Records that the newest checkpoint covers; 0 if there is none. */
  readonly signed: number;
}

interface Cached {
  readonly firstLeaf: string;
  readonly place: LinePlace;
  readonly nodes: readonly TreeNode[];
}

/** Throws ERR_AUDIT_TAMPERED. */
export async function loadTree(files: AuditFiles, end: LogEnd): Promise<TreeState> {
  const newest = await newestCheckpoint(files);
  if (newest !== null && newest.size > end.seq) {
    throw tampered(`ends with record ${end.seq}, its last checkpoint covers ${newest.size} records`);
  }
  const cached = newest === null ? null : await readCache(files, newest);
  const { pruned } = await withoutPruned(files, await files.segments());
  const tree = new CompactRange(0, cached?.nodes ?? pruned?.nodes);
  let firstLeaf = cached?.firstLeaf ?? pruned?.firstLeaf ?? null;
  let isSigned = newest === null || cached !== null || newest.size === 0;
  const afterPruned = pruned === null ? undefined : { segment: pruned.segment + 1, offset: 0 };
  for await (const line of lines(files, cached?.place ?? afterPruned)) {
    const leaf = leafHash(line);
    firstLeaf ??= leaf;
    tree.appendLeaf(leaf);
    if (tree.end === newest?.size) isSigned = tree.root() === newest.root;
  }
  if (!isSigned || tree.end < (newest?.size ?? 0)) throw tampered('is not the one that its last checkpoint signed');
  return { tree, firstLeaf, signed: newest?.size ?? 0 };
}

export function cacheText(firstLeaf: string, place: LinePlace, tree: CompactRange): string {
  return `${JSON.stringify({ firstLeaf, place, nodes: tree.nodes } satisfies Cached)}\n`;
}

/** Also removes a checkpoint whose write was interrupted, so that the next one is not appended to half a note. */
export async function newestCheckpoint(files: AuditFiles): Promise<Checkpoint | null> {
  const tail = splitNotes((await files.readBeside(CHECKPOINTS_FILE, CHECKPOINT_TAIL_BYTES)) ?? '').at(-1);
  if (tail === undefined) return null;
  const newest = parseCheckpoint(tail);
  if (newest !== null) return newest;
  const whole = splitNotes((await files.readBeside(CHECKPOINTS_FILE)) ?? '').slice(0, -1);
  await files.replaceBeside(CHECKPOINTS_FILE, whole.join(''));
  return parseCheckpoint(whole.at(-1) ?? '');
}

/** Null unless its tree has the root of the checkpoint. So it does not matter which process wrote the file. */
async function readCache(files: AuditFiles, { size, root }: Checkpoint): Promise<Cached | null> {
  const cached = parseCache((await files.readBeside(STATE_FILE)) ?? '');
  if (cached === null) return null;
  const tree = new CompactRange(0, cached.nodes);
  return tree.end === size && tree.root() === root ? cached : null;
}

function parseCache(text: string): Cached | null {
  try {
    const { firstLeaf, place, nodes } = JSON.parse(text) as Partial<Cached>;
    if (typeof firstLeaf !== 'string' || !Array.isArray(nodes) || !nodes.every(isNode)) return null;
    if (!Number.isSafeInteger(place?.segment) || !Number.isSafeInteger(place?.offset) || place === undefined)
      return null;
    return { firstLeaf, place, nodes };
  } catch {
    // Not JSON: the same as no cache.
    return null;
  }
}

function isNode(node: unknown): boolean {
  const { level, index, hash } = (node ?? {}) as Partial<TreeNode>;
  return Number.isSafeInteger(level) && Number.isSafeInteger(index) && /^[0-9a-f]{64}$/.test(hash ?? '');
}

function tampered(what: string): AuditError {
  return new AuditError(
    'ERR_AUDIT_TAMPERED',
    `the audit log ${what}; run "argus audit verify", keep the directory as evidence and start a new one`,
  );
}
