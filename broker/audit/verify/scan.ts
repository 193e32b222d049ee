/**
 * The fast check of a part of a segment: are these whole lines a chain, and what is the Merkle tree over them? Pure.
 *
 * It reads only the fields of the chain, at the positions where a broker writes them: `seq` at the front, `prev` and
 * `sum` at the end. One hash per line serves as the link and as the leaf. At the first unexpected byte it gives up
 * without a finding. The slow check (check.ts) then reads the same bytes line by line and reports what is wrong. A test
 * compares the results of both.
 */
import { parseLine } from '../chain.ts';
import type { TreeNode } from '../evidence/index.ts';
import { isHexOf } from '../hex.ts';
import { MAX_LINE_BYTES, SUM_HEX_DIGITS } from '../limits.ts';
import { HASH_BYTES, nodeSha256, type Sha256 } from '../sha256.ts';
import { type Milestone, milestoneOf } from './milestones.ts';

/** The summary of a part of whole, linked lines. */
export interface PartSummary {
  readonly lines: number;
  readonly firstSeq: number;
  readonly firstPrev: string;
  readonly firstLeaf: string;
  readonly lastHash: string;
  /** The fewest subtrees over the part's records. */
  readonly nodes: readonly TreeNode[];
  /** The same, up to each of the requested tree sizes that end within the part. */
  readonly heads: readonly { readonly size: number; readonly nodes: readonly TreeNode[] }[];
  readonly milestones: readonly Milestone[];
}

const NEWLINE = 0x0a;
const HASH_DIGITS = 2 * HASH_BYTES;
const SEQ_KEY = Buffer.from('{"seq":');
const PREV_KEY = Buffer.from(',"prev":"');
const SUM_KEY = Buffer.from('","sum":"');
const END = Buffer.from('"}');
/** `HASH","sum":"SUM"}` */
const AFTER_PREV = HASH_DIGITS + SUM_KEY.length + SUM_HEX_DIGITS + END.length;
/** `,"prev":"` + the above */
const TRAILER = PREV_KEY.length + AFTER_PREV;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const COMMA = 0x2c;
/**
 * Byte sequences that every record holds which verify must parse completely, and few others. They cannot occur inside a
 * JSON string, because its quotes are escaped.
 *
 * `rare` is searched, and the rest is compared at each hit. The runtime looks for the first byte of what it searches, so
 * that byte must be rare: searching the whole sequences takes five times as long.
 */
const MILESTONE_KEYS = [
  milestoneKey('"event":"bro', 'ker.'),
  milestoneKey('"event":"a', 'udit.'),
  milestoneKey('"', 'torn":['),
];

function milestoneKey(before: string, rare: string): { readonly before: Buffer; readonly rare: Buffer } {
  return { before: Buffer.from(before), rare: Buffer.from(rare) };
}

/**
 * @param bytes one spare byte, then whole lines with their newlines. The byte before a line is overwritten and restored
 * @param sizes tree sizes whose roots are wanted, ascending
 * @returns null: not one clean chain
 */
export function scanPart(bytes: Buffer, sizes: readonly number[], sha256: Sha256 = nodeSha256): PartSummary | null {
  if (bytes.length < 2 || bytes[bytes.length - 1] !== NEWLINE) return null;
  const firstSeq = readSeq(bytes, 1);
  if (firstSeq < 1) return null;
  const tree = new FastRange(firstSeq - 1, sha256);
  const heads: { size: number; nodes: readonly TreeNode[] }[] = [];
  let wanted = sizes.findIndex((size) => size >= firstSeq);
  if (wanted < 0) wanted = sizes.length;
  let firstPrev = '';
  let firstLeaf = '';
  let seq = firstSeq - 1;
  let lastLine = 1;
  for (let at = 1; at < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, at);
    const length = end - at;
    if (length <= TRAILER + SEQ_KEY.length || length > MAX_LINE_BYTES) return null;
    seq += 1;
    if (readSeq(bytes, at) !== seq || !hasTrailer(bytes, end)) return null;
    const isFirst = seq === firstSeq;
    if (isFirst) firstPrev = bytes.toString('latin1', end - AFTER_PREV, end - AFTER_PREV + HASH_DIGITS);
    else if (!tree.isNewestLeaf(bytes, end - AFTER_PREV)) return null;
    tree.appendLeaf(bytes, at, end);
    if (isFirst) firstLeaf = tree.newestLeaf();
    if (seq === sizes[wanted]) {
      heads.push({ size: seq, nodes: tree.nodes() });
      wanted += 1;
    }
    lastLine = at;
    at = end + 1;
  }
  // Every line but the last is covered by its successor; only `sum` covers the last.
  if (typeof parseLine(bytes.subarray(lastLine, bytes.length - 1)) === 'string') return null;
  const milestones = findMilestones(bytes);
  if (milestones === null) return null;
  return {
    lines: seq - firstSeq + 1,
    firstSeq,
    firstPrev,
    firstLeaf,
    lastHash: tree.newestLeaf(),
    nodes: tree.nodes(),
    heads,
    milestones,
  };
}

/** -1: there is no `{"seq":N,` here. */
function readSeq(bytes: Buffer, at: number): number {
  if (!isAt(bytes, at, SEQ_KEY) || bytes[at + SEQ_KEY.length] === DIGIT_0) return -1;
  let place = at + SEQ_KEY.length;
  let seq = 0;
  for (let digit = bytes[place] ?? 0; digit >= DIGIT_0 && digit <= DIGIT_9; digit = bytes[++place] ?? 0)
    seq = seq * 10 + digit - DIGIT_0;
  return bytes[place] === COMMA && Number.isSafeInteger(seq) ? seq : -1;
}

function hasTrailer(bytes: Buffer, end: number): boolean {
  const prev = end - AFTER_PREV;
  return (
    isAt(bytes, end - END.length, END) &&
    isAt(bytes, prev - PREV_KEY.length, PREV_KEY) &&
    isAt(bytes, prev + HASH_DIGITS, SUM_KEY)
  );
}

/** Compares byte by byte: for so few bytes that is faster than a call into the runtime. */
function isAt(bytes: Buffer, at: number, expected: Buffer): boolean {
  for (let index = 0; index < expected.length; index++) if (bytes[at + index] !== expected[index]) return false;
  return true;
}

/** Null: one of the records needs the slow check. */
function findMilestones(bytes: Buffer): readonly Milestone[] | null {
  const found = new Map<number, Milestone>();
  for (const { before, rare } of MILESTONE_KEYS) {
    for (let hit = bytes.indexOf(rare); hit >= 0; hit = bytes.indexOf(rare, hit + 1)) {
      if (!isAt(bytes, hit - before.length, before)) continue;
      const start = bytes.lastIndexOf(NEWLINE, hit) + 1;
      const parsed = parseLine(bytes.subarray(start === 0 ? 1 : start, bytes.indexOf(NEWLINE, hit)));
      if (typeof parsed === 'string') return null;
      const milestone = milestoneOf(parsed);
      if (milestone === null) continue;
      if (milestone.torn.length > 0) return null;
      found.set(milestone.seq, milestone);
    }
  }
  return [...found.values()].sort((a, b) => a.seq - b.seq);
}

/** By level: the byte 0x01 and two hashes, the input of a parent. Rounded up to a multiple of 64. */
const LEVEL_BYTES = 128;
const LEFT = 1;
const RIGHT = LEFT + HASH_BYTES;
const NODE_BYTES = RIGHT + HASH_BYTES;
/** A log has fewer than 2^53 records. */
const LEVELS = 54;

/** CompactRange without an object or a string for a node: each hash is written where its parent reads it. */
class FastRange {
  readonly #sha256: Sha256;
  readonly #inputs = Buffer.alloc(LEVELS * LEVEL_BYTES, 1);
  /** By level: a left node waits for its right one. */
  readonly #hasLeft: boolean[] = new Array<boolean>(LEVELS).fill(false);
  /** Right nodes whose left sibling is before the range, lowest first. */
  readonly #edge: TreeNode[] = [];
  /** Where the newest leaf is. The next leaf but one takes its place. */
  #newest = LEFT;
  #next: number;

  constructor(start: number, sha256: Sha256) {
    this.#next = start;
    this.#sha256 = sha256;
  }

  /** RFC 6962 leaf. The byte before the line (a newline, or the spare byte) temporarily becomes the prefix 0. */
  appendLeaf(bytes: Buffer, from: number, to: number): void {
    let index = this.#next;
    this.#next += 1;
    const before = bytes[from - 1] ?? 0;
    bytes[from - 1] = 0;
    this.#newest = index % 2 === 1 ? RIGHT : LEFT;
    this.#sha256.digest(bytes, from - 1, to, this.#inputs, this.#newest);
    bytes[from - 1] = before;
    let level = 0;
    while (index % 2 === 1) {
      const at = level * LEVEL_BYTES;
      if (this.#hasLeft[level] !== true) {
        this.#edge.push({ level, index, hash: this.#hashAt(at + RIGHT) });
        return;
      }
      this.#hasLeft[level] = false;
      index = (index - 1) / 2;
      level += 1;
      const parent = level * LEVEL_BYTES + (index % 2 === 1 ? RIGHT : LEFT);
      this.#sha256.digest(this.#inputs, at, at + NODE_BYTES, this.#inputs, parent);
    }
    this.#hasLeft[level] = true;
  }

  /** Are the digits at `at` those of the newest leaf, in lower case? */
  isNewestLeaf(bytes: Buffer, at: number): boolean {
    return isHexOf(bytes, at, this.#inputs, this.#newest, this.#newest + HASH_BYTES);
  }

  newestLeaf(): string {
    return this.#hashAt(this.#newest);
  }

  nodes(): readonly TreeNode[] {
    const waiting: TreeNode[] = [];
    let end = this.#next;
    for (let level = 0; level < LEVELS; level++) {
      if (this.#hasLeft[level] !== true) continue;
      waiting.push({ level, index: end / 2 ** level - 1, hash: this.#hashAt(level * LEVEL_BYTES + LEFT) });
      end -= 2 ** level;
    }
    return [...this.#edge, ...waiting.reverse()];
  }

  #hashAt(at: number): string {
    return this.#inputs.toString('hex', at, at + HASH_BYTES);
  }
}
