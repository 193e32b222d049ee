/**
 * The fast check of a part of a segment: are these whole lines a chain, and what is the Merkle tree over them? Pure.
 *
 * It reads only the fields of the chain, at the positions where a broker writes them: `seq` at the front, `prev` and
 * `sum` at the end. One hash per line serves as the link and as the leaf. At the first unexpected byte it gives up
 * without a finding. The slow check (check.ts) then reads the same bytes line by line and reports what is wrong. A test
 * compares the results of both.
 */
import { hash } from 'node:crypto';
import { parseLine } from '../chain.ts';
import type { TreeNode } from '../evidence/index.ts';
import { MAX_LINE_BYTES, SUM_HEX_DIGITS } from '../limits.ts';
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
const HASH_DIGITS = 64;
const HASH_BYTES = 32;
const SEQ_KEY = Buffer.from('{"seq":');
const PREV_KEY = Buffer.from(',"prev":"');
const SUM_KEY = Buffer.from('","sum":"');
const END = Buffer.from('"}');
/** `HASH","sum":"SUM"}` */
const AFTER_PREV = HASH_DIGITS + SUM_KEY.length + SUM_HEX_DIGITS + END.length;
/** `,"prev":"` + the above */
const TRAILER = PREV_KEY.length + AFTER_PREV;
/** Larger than any byte, so that no digit next to it makes it one. */
const NO_DIGIT = 0x1000;
/** Bytes of a hash, each as one character: the runtime makes such a string in half the time of hexadecimal text. */
type Hash = string;
/** By character code: the value of a hexadecimal digit in lower case. */
const HEX_VALUE = new Uint16Array(256).fill(NO_DIGIT);
for (const [value, digit] of [...'0123456789abcdef'].entries()) HEX_VALUE[digit.charCodeAt(0)] = value;
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
export function scanPart(bytes: Buffer, sizes: readonly number[]): PartSummary | null {
  if (bytes.length < 2 || bytes[bytes.length - 1] !== NEWLINE) return null;
  const firstSeq = readSeq(bytes, 1);
  if (firstSeq < 1) return null;
  const tree = new FastRange(firstSeq - 1);
  const heads: { size: number; nodes: readonly TreeNode[] }[] = [];
  let wanted = sizes.findIndex((size) => size >= firstSeq);
  if (wanted < 0) wanted = sizes.length;
  let firstPrev = '';
  let firstLeaf = '';
  let head = '';
  let seq = firstSeq - 1;
  let lastLine = 1;
  for (let at = 1; at < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, at);
    const length = end - at;
    if (length <= TRAILER + SEQ_KEY.length || length > MAX_LINE_BYTES) return null;
    seq += 1;
    if (readSeq(bytes, at) !== seq || !hasTrailer(bytes, end)) return null;
    if (head === '') firstPrev = bytes.toString('latin1', end - AFTER_PREV, end - AFTER_PREV + HASH_DIGITS);
    else if (!isHexOf(bytes, end - AFTER_PREV, head)) return null;
    head = leafAt(bytes, at, end);
    if (seq === firstSeq) firstLeaf = head;
    tree.appendLeaf(head);
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
    firstLeaf: toHex(firstLeaf),
    lastHash: toHex(head),
    nodes: tree.nodes(),
    heads,
    milestones,
  };
}

/** RFC 6962 leaf. The byte before the line (a newline, or the spare byte) temporarily becomes the prefix 0. */
function leafAt(bytes: Buffer, at: number, end: number): Hash {
  const before = bytes[at - 1] ?? 0;
  bytes[at - 1] = 0;
  const leaf = hash('sha256', bytes.subarray(at - 1, end), 'binary');
  bytes[at - 1] = before;
  return leaf;
}

/** Are the digits at `at` those of the hash, in lower case? */
function isHexOf(bytes: Buffer, at: number, expected: Hash): boolean {
  for (let index = 0; index < HASH_BYTES; index++) {
    const [high, low] = [
      HEX_VALUE[bytes[at + 2 * index] ?? 0] ?? NO_DIGIT,
      HEX_VALUE[bytes[at + 2 * index + 1] ?? 0] ?? NO_DIGIT,
    ];
    if (high * 16 + low !== expected.charCodeAt(index)) return false;
  }
  return true;
}

function toHex(value: Hash): string {
  return Buffer.from(value, 'latin1').toString('hex');
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

/** CompactRange with one call into the runtime for each inner node, and no object. */
class FastRange {
  /** By level: a left node that waits for its right one. Bytes 0x01 || left || right are the input of their parent. */
  readonly #inputs: Buffer[] = [];
  readonly #hasLeft: boolean[] = [];
  /** Right nodes whose left sibling is before the range, lowest first. */
  readonly #edge: TreeNode[] = [];
  #next: number;

  constructor(start: number) {
    this.#next = start;
  }

  appendLeaf(leaf: Hash): void {
    let [level, index, node] = [0, this.#next, leaf];
    this.#next += 1;
    while (index % 2 === 1 && this.#hasLeft[level] === true) {
      const input = this.#inputs[level] as Buffer;
      input.write(node, 1 + HASH_BYTES, 'latin1');
      node = hash('sha256', input, 'binary');
      this.#hasLeft[level] = false;
      index = (index - 1) / 2;
      level += 1;
    }
    if (index % 2 === 1) {
      this.#edge.push({ level, index, hash: toHex(node) });
      return;
    }
    this.#inputs[level] ??= Buffer.alloc(1 + 2 * HASH_BYTES, 1);
    this.#inputs[level]?.write(node, 1, 'latin1');
    this.#hasLeft[level] = true;
  }

  nodes(): readonly TreeNode[] {
    const waiting: TreeNode[] = [];
    let end = this.#next;
    for (let level = 0; level < this.#inputs.length; level++) {
      const input = this.#inputs[level];
      if (this.#hasLeft[level] !== true || input === undefined) continue;
      waiting.push({ level, index: end / 2 ** level - 1, hash: input.toString('hex', 1, 1 + HASH_BYTES) });
      end -= 2 ** level;
    }
    return [...this.#edge, ...waiting.reverse()];
  }
}
