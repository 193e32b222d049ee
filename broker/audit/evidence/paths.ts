/**
 * The inclusion paths of many leaves of one tree, collected in one pass over all its leaves. Pure.
 *
 * Each leaf costs one inner hash, however many paths are wanted: an inner node is computed once, and kept if some path
 * needs it.
 */
import { inclusionRanges, type LeafRange, nodeHash, type TreeNode } from './tree.ts';

export class InclusionPaths {
  readonly #ranges: ReadonlyMap<number, readonly LeafRange[]>;
  /** Hash by first leaf and end; null until it is known. */
  readonly #wanted = new Map<string, string | null>();
  /** The fewest subtrees that cover the leaves so far. */
  readonly #nodes: TreeNode[] = [];
  readonly #size: number;

  /** @param leaves indices below `size` */
  constructor(leaves: Iterable<number>, size: number) {
    this.#size = size;
    this.#ranges = new Map([...leaves].map((leaf) => [leaf, inclusionRanges(leaf, size)]));
    for (const ranges of this.#ranges.values()) for (const range of ranges) this.#wanted.set(keyOf(range), null);
  }

  leaf(index: number, hash: string): void {
    this.node({ level: 0, index, hash });
  }

  /** The next subtree, in order: a leaf, or one whose leaves are not at hand. */
  node(node: TreeNode): void {
    let top = node;
    this.#keep(top);
    for (let left = this.#nodes.at(-1); left !== undefined && isLeftSibling(left, top); left = this.#nodes.at(-1)) {
      this.#nodes.pop();
      top = { level: top.level + 1, index: left.index / 2, hash: nodeHash(left.hash, top.hash) };
      this.#keep(top);
    }
    this.#nodes.push(top);
  }

  /** The path of a leaf, once all leaves were passed; null: a part of the tree is missing. */
  path(leaf: number): readonly string[] | null {
    const path: string[] = [];
    for (const range of this.#ranges.get(leaf) ?? []) {
      const hash = this.#wanted.get(keyOf(range)) ?? this.#rest(range);
      if (hash === null) return null;
      path.push(hash);
    }
    return path;
  }

  #keep({ level, index, hash }: TreeNode): void {
    const key = keyOf([index * 2 ** level, (index + 1) * 2 ** level]);
    if (this.#wanted.has(key)) this.#wanted.set(key, hash);
  }

  /** The part at the end of the tree is no whole subtree: it is made of those that are left. */
  #rest([start, end]: LeafRange): string | null {
    if (end !== this.#size) return null;
    const parts = this.#nodes.filter(({ level, index }) => index * 2 ** level >= start);
    const last = parts.at(-1);
    return last === undefined
      ? null
      : parts.slice(0, -1).reduceRight((right, left) => nodeHash(left.hash, right), last.hash);
  }
}

function keyOf([start, end]: LeafRange): string {
  return `${start}-${end}`;
}

function isLeftSibling(left: TreeNode, right: TreeNode): boolean {
  return left.level === right.level && left.index % 2 === 0 && right.index === left.index + 1;
}
