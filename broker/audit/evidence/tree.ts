/**
 * The Merkle tree of RFC 6962 over the lines of the log. Pure.
 *
 * Leaf N-1 is record N: SHA-256(0x00 || the line's bytes without its newline). An inner node is SHA-256(0x01 || left ||
 * right). Hashes are lower-case hexadecimal text, as everywhere in the log; only notes use base64.
 */
import { createHash, hash } from 'node:crypto';

/** Root of the empty tree: the hash of no bytes (RFC 6962 §2.1). */
export const EMPTY_ROOT = hash('sha256', '', 'hex');

const LEAF_PREFIX = new Uint8Array([0]);
const HASH_BYTES = 32;
/** One inner node's input. Reused: hashing is synchronous. */
const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES, 1);

export function leafHash(line: string | Uint8Array): string {
  if (typeof line === 'string') return hash('sha256', `\0${line}`, 'hex');
  return createHash('sha256').update(LEAF_PREFIX).update(line).digest('hex');
}

export function nodeHash(left: string, right: string): string {
  nodeInput.write(left, 1, 'hex');
  nodeInput.write(right, 1 + HASH_BYTES, 'hex');
  return hash('sha256', nodeInput, 'hex');
}

/** A whole subtree: the leaves from `index * 2^level` on, 2^level of them. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
  readonly hash: string;
}

/**
 * The fewest subtrees that cover a range of leaves. A range from leaf 0 on is all that an append-only log has to
 * remember: at most one hash per bit of its size. A later range is a part: `append` adds its nodes to the part before
 * it.
 */
export class CompactRange {
  readonly #nodes: TreeNode[];
  #end: number;

  constructor(start = 0, nodes: readonly TreeNode[] = []) {
    this.#nodes = [...nodes];
    const last = nodes.at(-1);
    this.#end = last === undefined ? start : endOf(last);
  }

  /** The index after the last leaf. For a range that starts at 0, this is the number of leaves. */
  get end(): number {
    return this.#end;
  }

  get nodes(): readonly TreeNode[] {
    return this.#nodes;
  }

  appendLeaf(leaf: string): void {
    this.append({ level: 0, index: this.#end, hash: leaf });
  }

  /** The node's first leaf must be the one at `end`. */
  append(node: TreeNode): void {
    let top = node;
    for (let left = this.#nodes.at(-1); left !== undefined && isLeftSibling(left, top); left = this.#nodes.at(-1)) {
      this.#nodes.pop();
      top = { level: top.level + 1, index: left.index / 2, hash: nodeHash(left.hash, top.hash) };
    }
    this.#nodes.push(top);
    this.#end = endOf(node);
  }

  copy(): CompactRange {
    return new CompactRange(this.#end, this.#nodes);
  }

  /** The hash of the range as a tree of its own (RFC 6962's MTH if the range starts at a multiple of its size). */
  root(): string {
    const last = this.#nodes.at(-1);
    if (last === undefined) return EMPTY_ROOT;
    return this.#nodes.slice(0, -1).reduceRight((right, left) => nodeHash(left.hash, right), last.hash);
  }
}

function isLeftSibling(left: TreeNode, right: TreeNode): boolean {
  return left.level === right.level && left.index % 2 === 0 && right.index === left.index + 1;
}

function endOf({ level, index }: TreeNode): number {
  return (index + 1) * 2 ** level;
}

/** Leaves [start, end). */
export type LeafRange = readonly [start: number, end: number];

/**
 * The subtrees whose roots prove that leaf `index` is in the tree of `size` leaves (RFC 6962 §2.1.1), leaf side first.
 */
export function inclusionRanges(index: number, size: number): readonly LeafRange[] {
  return path(index, 0, size);
}

function path(index: number, start: number, end: number): readonly LeafRange[] {
  if (end - start <= 1) return [];
  const middle = start + splitOf(end - start);
  return index < middle
    ? [...path(index, start, middle), [middle, end]]
    : [...path(index, middle, end), [start, middle]];
}

/** The subtrees whose roots prove that the tree of `size` leaves extends that of `old` leaves (RFC 6962 §2.1.2). */
export function consistencyRanges(old: number, size: number): readonly LeafRange[] {
  return old === 0 || old === size ? [] : subproof(old, 0, size, true);
}

function subproof(old: number, start: number, end: number, isWhole: boolean): readonly LeafRange[] {
  if (old === end) return isWhole ? [] : [[start, end]];
  const middle = start + splitOf(end - start);
  if (old <= middle) return [...subproof(old, start, middle, isWhole), [middle, end]];
  return [...subproof(old, middle, end, false), [start, middle]];
}

/** The largest power of two smaller than `size`, which is at least 2. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** Collects the roots of some ranges in one pass over the leaves, in order. */
export class RangeRoots {
  readonly #ranges: readonly LeafRange[];
  readonly #found: readonly CompactRange[];

  constructor(ranges: readonly LeafRange[]) {
    this.#ranges = ranges;
    this.#found = ranges.map(([start]) => new CompactRange(start));
  }

  leaf(index: number, leaf: string): void {
    for (const [at, [start, end]] of this.#ranges.entries()) {
      if (index >= start && index < end) this.#found[at]?.appendLeaf(leaf);
    }
  }

  /** A whole subtree before the first leaf that is passed. It must not reach beyond a range that it begins in. */
  node(node: TreeNode): void {
    const [first, after] = [node.index * 2 ** node.level, endOf(node)];
    for (const [at, [start, end]] of this.#ranges.entries()) {
      if (first >= start && after <= end) this.#found[at]?.append(node);
    }
  }

  roots(): readonly string[] {
    return this.#found.map((range) => range.root());
  }
}

/** RFC 9162 §2.1.3.2. All arguments may be hostile; never throws. */
export function isIncluded(index: number, size: number, leaf: string, proof: readonly string[], root: string): boolean {
  if (index >= size) return false;
  let [fn, sn, node] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(sibling, node);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else node = nodeHash(node, sibling);
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && node === root;
}

/** RFC 9162 §2.1.4.2. All arguments may be hostile; never throws. */
export function isConsistent(
  old: number,
  size: number,
  oldRoot: string,
  root: string,
  proof: readonly string[],
): boolean {
  if (old > size) return false;
  if (old === size) return proof.length === 0 && oldRoot === root;
  if (old === 0) return proof.length === 0;
  // An old tree of 2^n leaves is itself the first node of the proof, so the proof omits it.
  const nodes = Number.isInteger(Math.log2(old)) ? [oldRoot, ...proof] : proof;
  const [first, ...rest] = nodes;
  if (first === undefined) return false;
  let [fn, sn] = [old - 1, size - 1];
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  let [fr, sr] = [first, first];
  for (const node of rest) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      [fr, sr] = [nodeHash(node, fr), nodeHash(node, sr)];
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else sr = nodeHash(sr, node);
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && fr === oldRoot && sr === root;
}

/** A shift would be wrong: a log may have more than 2^31 records. */
function half(value: number): number {
  return Math.floor(value / 2);
}
