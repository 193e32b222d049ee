/**
 * Is this log whole and unaltered? Streams through all segments in constant memory; never writes.
 *
 * What a bare chain proves: nothing was edited, inserted, deleted or reordered *before* the last record, unless all
 * that follows was rewritten too. It cannot prove that the end was not cut off, nor that somebody with write access did
 * not write the whole log anew. A remembered head does both: compare with `since` or `expectHead`.
 *
 * A live log is verified up to the length it had when verify began. A torn tail of the newest segment is then a write
 * under way; with no writer alive it is a problem until the next start of the broker has accounted for it.
 */
import { hashLine, type LineFault, type ParsedLine, parseLine } from './chain.ts';
import { digest, type TornTail } from './end.ts';
import { AuditError } from './errors.ts';
import type { AuditReader, SegmentInfo } from './files.ts';
import { MAX_LINE_BYTES, MAX_PROBLEMS, READ_BYTES, ZERO_HASH } from './limits.ts';
import type { AuditHead } from './log.ts';
import { nodeFiles } from './node-files.ts';

export type ProblemCode =
  | LineFault
  | 'LINE_TOO_LONG'
  /** The number is smaller than the next one due: repeated, copied or moved. */
  | 'SEQ_REPEATED'
  /** Records are missing before this one. */
  | 'SEQ_GAP'
  /** Not the successor of the line before it. */
  | 'PREV_MISMATCH'
  | 'SEGMENT_MISSING'
  /** Bytes of a cut-off line that the next record does not state exactly. */
  | 'TORN_UNACCOUNTED'
  /** The record states torn bytes that are not there. */
  | 'TORN_MISSING'
  /** The log ends in a cut-off line, and nobody is writing it. */
  | 'TORN_TAIL'
  /** Not one record: even an idle broker leaves a broker.start. */
  | 'EMPTY'
  /** The record that `since` names is there with another hash: the past was rewritten. */
  | 'SINCE_MISMATCH'
  /** The log ends before the record that `since` names: it was cut off or rolled back. */
  | 'SINCE_MISSING'
  | 'HEAD_MISMATCH';

export interface Problem {
  readonly segment: number;
  /** 1-based; 0 = the segment as a whole. */
  readonly line: number;
  readonly code: ProblemCode;
  readonly message: string;
}

export interface VerifyResult {
  readonly ok: boolean;
  /** Lines that are records. */
  readonly records: number;
  readonly segments: number;
  /** Null in an empty log. */
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  /** Hash of the last line: remember it, with lastSeq, outside of this host. */
  readonly head: string;
  /** The first MAX_PROBLEMS of them; `problemCount` has all. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  /** Starts of the broker whose run before did not end with broker.stop: crash, kill -9 or power loss. */
  readonly uncleanShutdowns: number;
  /** Times at which the log could not be written, and the events lost in them. */
  readonly gaps: number;
  readonly lost: number;
  /** Torn tails that a later record accounts for. */
  readonly tornAccounted: number;
  /** Bytes of a line that a live writer had not finished when verify began. */
  readonly unfinishedBytes: number;
  /** Is a broker writing this log? */
  readonly live: boolean;
}

export interface VerifyOptions {
  /** A head remembered from an earlier visit: that record must still be there. */
  readonly since?: AuditHead;
  /** The last line must have this hash. */
  readonly expectHead?: string;
  /** Called after each chunk (1 MiB) with the bytes checked so far and those there are. */
  readonly onProgress?: (bytes: number, total: number) => void;
  /** Default: the directory's files. */
  readonly reader?: AuditReader;
}

/** Throws AuditError ERR_AUDIT_DIRECTORY if there is nothing to read; whatever is in the files is a result, not an error. */
export async function verifyAudit(directory: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  const reader = options.reader ?? nodeFiles(directory);
  // Asked first: a writer that ends meanwhile has finished its last line.
  const live = await reader.hasWriter();
  const segments = await reader.segments();
  const check = new ChainCheck(options.since);
  const total = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  let done = 0;
  for (const segment of segments) {
    check.segment(segment.number);
    for await (const chunk of chunks(reader, segment)) {
      check.bytes(chunk);
      done += chunk.length;
      options.onProgress?.(done, total);
    }
    if (check.tornBytes > 0) check.torn(await tornTail(reader, segment, check.tornBytes));
  }
  return check.finish(live, options.expectHead);
}

async function* chunks(reader: AuditReader, segment: SegmentInfo): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < segment.bytes; ) {
    const chunk = await reader.read(segment.number, at, Math.min(READ_BYTES, segment.bytes - at));
    if (chunk.length === 0)
      throw new AuditError('ERR_AUDIT_DIRECTORY', `audit segment ${segment.number} shrank while it was read`);
    at += chunk.length;
    yield chunk;
  }
}

async function tornTail(reader: AuditReader, { number, bytes }: SegmentInfo, torn: number): Promise<TornTail> {
  return { segment: number, bytes: torn, sha256: await digest(reader, number, bytes - torn, bytes) };
}

const NEWLINE = 0x0a;
const NOTHING = new Uint8Array(0);

/** The state machine: fed with bytes in order, it keeps one line and the head. Pure. */
class ChainCheck {
  readonly #since: AuditHead | undefined;
  readonly #problems: Problem[] = [];
  #problemCount = 0;
  #records = 0;
  #segments = 0;
  #segment = 0;
  #line = 0;
  #firstSeq: number | null = null;
  #lastSeq: number | null = null;
  #head = ZERO_HASH;
  #lastEvent: string | null = null;
  #sinceSeen = false;
  #unclean = 0;
  #gaps = 0;
  #lost = 0;
  #tornAccounted = 0;
  /** Torn tails since the last line. */
  #torn: TornTail[] = [];
  /** The line under way; empty when it is too long to be one. `tornBytes` counts it in any case. */
  #partial: Uint8Array = NOTHING;
  tornBytes = 0;

  constructor(since: AuditHead | undefined) {
    this.#since = since;
  }

  segment(number: number): void {
    if (number !== this.#segment + 1) {
      this.#problem('SEGMENT_MISSING', `segment ${this.#segment + 1} is not there, segment ${number} is`, number, 0);
    }
    this.#segments += 1;
    this.#segment = number;
    this.#line = 0;
    this.#partial = NOTHING;
    this.tornBytes = 0;
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

  finish(live: boolean, expectHead: string | undefined): VerifyResult {
    const unfinished = live ? this.#torn.filter((tail) => tail.segment === this.#segment) : [];
    for (const tail of this.#torn) {
      if (unfinished.includes(tail)) continue;
      const message = `${tail.bytes} bytes of a cut-off line; if the broker crashed, its next start accounts for them`;
      this.#problem('TORN_TAIL', message, tail.segment, this.#line + 1);
    }
    if (this.#records === 0) this.#problem('EMPTY', 'there is no record at all');
    if (this.#since !== undefined && !this.#sinceSeen) {
      this.#problem(
        'SINCE_MISSING',
        `record ${this.#since.seq} is remembered, the log ends with ${this.#lastSeq ?? 0}`,
      );
    }
    if (expectHead !== undefined && expectHead !== this.#head) {
      this.#problem('HEAD_MISMATCH', `expected head ${expectHead}, got ${this.#head}`);
    }
    return {
      ok: this.#problemCount === 0,
      records: this.#records,
      segments: this.#segments,
      firstSeq: this.#firstSeq,
      lastSeq: this.#lastSeq,
      head: this.#head,
      problems: this.#problems,
      problemCount: this.#problemCount,
      uncleanShutdowns: this.#unclean,
      gaps: this.#gaps,
      lost: this.#lost,
      tornAccounted: this.#tornAccounted,
      unfinishedBytes: unfinished.reduce((sum, tail) => sum + tail.bytes, 0),
      live,
    };
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
    // The head moves on in any case, so that one bad line is told once and not with each line after it.
    const before = this.#head;
    this.#head = hashLine(line);
    if (typeof parsed === 'string') {
      this.#problem(parsed, FAULTS[parsed]);
      return;
    }
    this.#records += 1;
    this.#firstSeq ??= parsed.seq;
    const due = (this.#lastSeq ?? 0) + 1;
    if (parsed.seq > due) this.#problem('SEQ_GAP', `expected record ${due}, got ${parsed.seq}`);
    if (parsed.seq < due) this.#problem('SEQ_REPEATED', `expected record ${due}, got ${parsed.seq}`);
    if (parsed.prev !== before)
      this.#problem('PREV_MISMATCH', `record ${parsed.seq} does not follow upon the line before it`);
    this.#lastSeq = parsed.seq;
    this.#accountTorn(parsed);
    this.#compareSince(parsed.seq);
    this.#count(parsed);
  }

  /** Bytes that were cut off must be stated by the very next record, all of them, exactly. */
  #accountTorn(parsed: ParsedLine): void {
    const stated = statedTorn(parsed);
    const found = this.#torn;
    this.#torn = [];
    for (const tail of found) {
      const at = stated.findIndex((one) => isSameTail(one, tail));
      if (at >= 0) stated.splice(at, 1);
      else this.#problem('TORN_UNACCOUNTED', `${tail.bytes} bytes of a cut-off line`, tail.segment, 0);
      if (at >= 0) this.#tornAccounted += 1;
    }
    if (stated.length > 0) this.#problem('TORN_MISSING', `record ${parsed.seq} states torn bytes that are not there`);
  }

  #compareSince(seq: number): void {
    if (this.#since === undefined || seq !== this.#since.seq || this.#sinceSeen) return;
    this.#sinceSeen = true;
    if (this.#head === this.#since.hash) return;
    this.#problem('SINCE_MISMATCH', `record ${seq} had hash ${this.#since.hash}, now ${this.#head}`);
  }

  #count({ event, fields }: ParsedLine): void {
    if (event === 'broker.start' && this.#lastEvent !== null && this.#lastEvent !== 'broker.stop') this.#unclean += 1;
    if (event === 'audit.gap') {
      this.#gaps += 1;
      const lost = member(fields.detail, 'lost');
      for (const count of Object.values(isObject(lost) ? lost : {})) if (typeof count === 'number') this.#lost += count;
    }
    this.#lastEvent = event;
  }

  #problem(code: ProblemCode, message: string, segment = this.#segment, line = this.#line): void {
    this.#problemCount += 1;
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push({ segment, line, code, message });
  }
}

const FAULTS: Readonly<Record<LineFault, string>> = {
  BAD_JSON: 'not UTF-8 JSON',
  BAD_FIELDS: 'not a record: seq, prev or event is missing or malformed',
  BAD_SUM: 'the line was altered: its own checksum does not match',
};

function statedTorn({ fields }: ParsedLine): unknown[] {
  const torn = member(fields.detail, 'torn');
  return Array.isArray(torn) ? [...torn] : [];
}

function isSameTail(stated: unknown, tail: TornTail): boolean {
  return (
    member(stated, 'segment') === tail.segment &&
    member(stated, 'bytes') === tail.bytes &&
    member(stated, 'sha256') === tail.sha256
  );
}

function member(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
