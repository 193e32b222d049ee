/**
 * The state of a verification. It gets the parts of a log in order, as summaries (scan.ts) or as bytes. Pure.
 *
 * Keeps one line, the head and the tree's compact range, so its memory does not grow with the log.
 */
import { hashLine, type ParsedLine, parseLine } from '../chain.ts';
import { CompactRange } from '../evidence/index.ts';
import { MAX_LINE_BYTES, MAX_MISSING_RANGES, ZERO_HASH } from '../limits.ts';
import type { AuditHead } from '../log.ts';
import type { TornTail } from '../read/end.ts';
import { type PrunedPart, prunedRoot } from '../read/pruned.ts';
import { type Milestone, member, milestoneOf } from './milestones.ts';
import { FAULT_MESSAGES, type ProblemCode, type Problems } from './problems.ts';
import type { PartSummary } from './scan.ts';

const NEWLINE = 0x0a;
const NOTHING = new Uint8Array(0);

export interface CheckOptions {
  readonly since?: AuditHead | undefined;
  /** The removed beginning of the log. */
  readonly pruned?: PrunedPart | null;
  /** Tree sizes whose roots are wanted, ascending. */
  readonly sizes: readonly number[];
  /** Returns what is wrong with a well-formed record, or null. */
  readonly judge?: ((record: ParsedLine) => string | null) | undefined;
}

export class ChainCheck {
  readonly #options: CheckOptions;
  readonly #problems: Problems;
  readonly #sizes: ReadonlySet<number>;
  /** Root of the tree at each wanted size that was reached. */
  readonly roots = new Map<number, string>();
  records = 0;
  segments = 0;
  firstSeq: number | null = null;
  lastSeq: number | null = null;
  firstLeaf: string | null = null;
  head = ZERO_HASH;
  sinceSeen = false;
  unclean = 0;
  gaps = 0;
  lost = 0;
  tornAccounted = 0;
  /** The first record that states the removal of all that is missing at the beginning; null: there is none. */
  statedAt: number | null = null;
  /** Number of bytes of the unfinished line. `#partial` holds them, or is empty when the line exceeds the limit. */
  tornBytes = 0;
  #partial: Uint8Array = NOTHING;
  /** Torn tails since the last line. */
  #torn: TornTail[] = [];
  #segment = 0;
  #line = 0;
  #lastEvent: string | null = null;
  /** Skipped sequence numbers. A later record with one of them was moved. */
  readonly #missing: { readonly from: number; readonly to: number }[] = [];
  readonly #tree: CompactRange;

  constructor(options: CheckOptions, problems: Problems) {
    this.#options = options;
    this.#problems = problems;
    this.#sizes = new Set(options.sizes);
    const { pruned } = options;
    this.#tree = new CompactRange(0, pruned?.nodes);
    if (pruned === null || pruned === undefined) return;
    this.#segment = pruned.segment;
    this.lastSeq = pruned.records;
    this.firstLeaf = pruned.firstLeaf;
    this.head = pruned.head;
    this.#lastEvent = pruned.event;
    this.roots.set(pruned.records, prunedRoot(pruned));
  }

  /** Number of lines so far in the current segment. */
  get line(): number {
    return this.#line;
  }

  /** Records 1 to this one are not there any more. */
  get prunedRecords(): number {
    return this.#options.pruned?.records ?? 0;
  }

  /** Number of records in the tree. */
  get treeSize(): number {
    return this.#tree.end;
  }

  segment(number: number): void {
    if (number !== this.#segment + 1) {
      const message = `segment ${this.#segment + 1} is not there, segment ${number} is`;
      this.#problems.add('SEGMENT_MISSING', message, number, 0);
    }
    this.segments += 1;
    this.#segment = number;
    this.#line = 0;
    this.#partial = NOTHING;
    this.tornBytes = 0;
  }

  /**
   * False: the summary does not continue the records so far, or the caller needs a record inside it. Pass the bytes of
   * this part instead.
   */
  takes(part: PartSummary): boolean {
    const isNext = part.firstSeq === (this.lastSeq ?? 0) + 1 && part.firstPrev === this.head;
    if (!isNext || this.#torn.length > 0 || this.tornBytes > 0 || this.#tree.end !== part.firstSeq - 1) return false;
    const { since, judge } = this.#options;
    if (judge !== undefined) return false;
    // The hash of a record in the middle is not in the summary.
    return since === undefined || since.seq < part.firstSeq || since.seq >= part.firstSeq + part.lines;
  }

  /** Call only after `takes` returned true. */
  take(part: PartSummary): void {
    for (const { size, nodes } of part.heads) {
      const tree = this.#tree.copy();
      for (const node of nodes) tree.append(node);
      this.roots.set(size, tree.root());
    }
    for (const node of part.nodes) this.#tree.append(node);
    const lastSeq = part.firstSeq + part.lines - 1;
    for (const milestone of part.milestones) {
      // Between two milestones there are ordinary records only.
      if (milestone.seq !== (this.lastSeq ?? 0) + 1) this.#lastEvent = '';
      this.#note(milestone);
      this.lastSeq = milestone.seq;
    }
    if (this.lastSeq !== lastSeq) this.#lastEvent = '';
    this.records += part.lines;
    this.#line += part.lines;
    this.firstSeq ??= part.firstSeq;
    this.firstLeaf ??= part.firstLeaf;
    this.lastSeq = lastSeq;
    this.head = part.lastHash;
  }

  bytes(chunk: Uint8Array): void {
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      this.#endLine(chunk.subarray(at, end));
      at = end + 1;
    }
    this.#keep(chunk.subarray(at));
  }

  torn(tail: TornTail): void {
    this.#torn.push(tail);
  }

  /** @returns bytes of a line that a live writer had not finished */
  finish(live: boolean): number {
    const unfinished = live ? this.#torn.filter((tail) => tail.segment === this.#segment) : [];
    for (const tail of this.#torn) {
      if (unfinished.includes(tail)) continue;
      const message = `${tail.bytes} bytes of a cut-off line; if the broker crashed, its next start accounts for them`;
      this.#problems.add('TORN_TAIL', message, tail.segment, this.#line + 1);
    }
    if (this.records === 0) this.#problems.add('EMPTY', 'there is no record at all');
    return unfinished.reduce((sum, tail) => sum + tail.bytes, 0);
  }

  /** Copied: the chunk is dropped after this call. */
  #keep(part: Uint8Array): void {
    this.tornBytes += part.length;
    this.#partial = this.tornBytes > MAX_LINE_BYTES ? NOTHING : Buffer.concat([this.#partial, part]);
  }

  #endLine(rest: Uint8Array): void {
    const length = this.tornBytes + rest.length;
    const line = this.#partial.length === 0 && this.tornBytes === 0 ? rest : Buffer.concat([this.#partial, rest]);
    this.#partial = NOTHING;
    this.tornBytes = 0;
    this.#line += 1;
    if (length > MAX_LINE_BYTES) this.#problem('LINE_TOO_LONG', `${length} bytes, at most ${MAX_LINE_BYTES}`);
    else this.#record(line);
  }

  #record(line: Uint8Array): void {
    const parsed = parseLine(line);
    // The head advances in any case, so that one bad line is reported once and not again with each later line.
    const before = this.head;
    this.head = hashLine(line);
    this.firstLeaf ??= this.head;
    this.#tree.appendLeaf(this.head);
    if (this.#sizes.has(this.#tree.end)) this.roots.set(this.#tree.end, this.#tree.root());
    if (typeof parsed === 'string') {
      this.#problem(parsed, FAULT_MESSAGES[parsed]);
      return;
    }
    this.records += 1;
    this.firstSeq ??= parsed.seq;
    this.#compareSeq(parsed.seq);
    if (parsed.prev !== before)
      this.#problem('PREV_MISMATCH', `record ${parsed.seq} does not follow upon the line before it`);
    this.lastSeq = parsed.seq;
    const milestone = milestoneOf(parsed);
    this.#accountTorn(parsed, milestone?.torn ?? []);
    this.#compareSince(parsed.seq);
    if (milestone === null) this.#lastEvent = parsed.event;
    else this.#note(milestone);
    const fault = this.#options.judge?.(parsed);
    if (typeof fault === 'string') this.#problem('BAD_SCHEMA', `record ${parsed.seq}: ${fault}`);
  }

  #compareSeq(seq: number): void {
    const due = (this.lastSeq ?? 0) + 1;
    if (seq > due) {
      this.#problem('SEQ_GAP', `expected record ${due}, got ${seq}`);
      if (this.#missing.length < MAX_MISSING_RANGES) this.#missing.push({ from: due, to: seq - 1 });
    }
    if (seq < due) {
      const isMoved = this.#missing.some(({ from, to }) => seq >= from && seq <= to);
      const message = `expected record ${due}, got ${seq}`;
      this.#problems.add('SEQ_REPEATED', message, this.#segment, this.#line, isMoved ? 'reordered' : 'inserted');
    }
  }

  /** The very next record must state all torn bytes exactly. */
  #accountTorn(parsed: ParsedLine, torn: readonly unknown[]): void {
    const stated = [...torn];
    const found = this.#torn;
    this.#torn = [];
    for (const tail of found) {
      const at = stated.findIndex((one) => isSameTail(one, tail));
      if (at >= 0) stated.splice(at, 1);
      else this.#problems.add('TORN_UNACCOUNTED', `${tail.bytes} bytes of a cut-off line`, tail.segment, 0);
      if (at >= 0) this.tornAccounted += 1;
    }
    if (stated.length > 0) this.#problem('TORN_MISSING', `record ${parsed.seq} states torn bytes that are not there`);
  }

  #compareSince(seq: number): void {
    const { since } = this.#options;
    if (since === undefined || seq !== since.seq || this.sinceSeen) return;
    this.sinceSeen = true;
    if (this.head === since.hash) return;
    this.#problem('SINCE_MISMATCH', `record ${seq} had hash ${since.hash}, now ${this.head}`);
  }

  #note({ seq, event, lost, pruned }: Milestone): void {
    if (this.statedAt === null && this.prunedRecords > 0 && pruned >= this.prunedRecords) this.statedAt = seq;
    if (event === 'broker.start' && this.#lastEvent !== null && this.#lastEvent !== 'broker.stop') this.unclean += 1;
    if (event === 'audit.gap') this.gaps += 1;
    this.lost += lost;
    this.#lastEvent = event;
  }

  #problem(code: ProblemCode, message: string): void {
    this.#problems.add(code, message, this.#segment, this.#line);
  }
}

function isSameTail(stated: unknown, tail: TornTail): boolean {
  return (
    member(stated, 'segment') === tail.segment &&
    member(stated, 'bytes') === tail.bytes &&
    member(stated, 'sha256') === tail.sha256
  );
}
