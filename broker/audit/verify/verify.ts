/**
 * Is this log complete and unaltered, and do the signed checkpoints match it? Streams through all segments; never
 * writes.
 *
 * The chain alone proves that no record was edited, inserted, deleted or reordered *before* the last one, unless
 * everything after the change was rewritten too. It cannot prove that the end was not cut off, nor that an attacker
 * with write access did not write the whole log again. Checkpoints signed by a key that the auditor knows prove that
 * these are the broker's records up to the last checkpoint. A checkpoint that the auditor (or a witness) remembers
 * proves that the log was not rolled back or forked. The chain alone protects the records after the last checkpoint,
 * and verify says how many there are.
 *
 * A live log is verified up to the length it had when verify began. A torn tail of the newest segment is then an
 * unfinished write. Without a live writer it is a problem, until the next start of the broker has recorded it.
 */
import type { ParsedLine } from '../chain.ts';
import { AuditError } from '../errors.ts';
import type { VerifierKey } from '../evidence/index.ts';
import type { AuditReader, SegmentInfo } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { MAX_PROBLEMS, READ_BYTES, VERIFY_PART_BYTES } from '../limits.ts';
import type { AuditHead } from '../log.ts';
import { digest, type TornTail } from '../read/end.ts';
import { withoutPruned } from '../read/pruned.ts';
import { ChainCheck } from './check.ts';
import { CheckpointCheck, type CheckpointReport, sincePruned } from './checkpoints.ts';
import type { Part, ScannedPart } from './parts.ts';
import { openScanner, type Scanner } from './pool.ts';
import { type LogProblem, Problems } from './problems.ts';
import { WitnessCheck, type WitnessedOptions, type WitnessReport } from './witnesses.ts';

export interface VerifyResult {
  readonly ok: boolean;
  /** Lines that are records. */
  readonly records: number;
  readonly segments: number;
  /** Records 1 to this one were removed by retention, and a signed record states it; 0: none. */
  readonly prunedRecords: number;
  /** Null in an empty log. */
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  /** Hash of the last line: remember it, with lastSeq, outside of this host. */
  readonly head: string;
  readonly checkpoints: CheckpointReport;
  /** Witnesses whose newest checkpoint of this log matches the records. */
  readonly witnesses: readonly WitnessReport[];
  /** The first MAX_PROBLEMS problems. `problemCount` counts all. */
  readonly problems: readonly LogProblem[];
  readonly problemCount: number;
  /** Starts after a run that did not end with broker.stop: crash, kill -9 or power loss. */
  readonly uncleanShutdowns: number;
  /** Periods in which the log could not be written, and the events lost in them. */
  readonly gaps: number;
  readonly lost: number;
  /** Torn tails that a later record states. */
  readonly tornAccounted: number;
  /** Bytes of a line that a live writer had not finished when verify began. */
  readonly unfinishedBytes: number;
  /** Is a broker writing this log? */
  readonly live: boolean;
}

export interface VerifyOptions extends WitnessedOptions {
  /** A head, or the text of a checkpoint, from an earlier verification. The log must still match it. */
  readonly since?: AuditHead | string;
  /** The last line must have this hash. */
  readonly expectHead?: string;
  /** Keys that may sign the log's checkpoints. None: the key that is stored next to the log, which proves little. */
  readonly keys?: readonly VerifierKey[];
  /** Returns what is wrong with a record, or null. Called for each record, which makes verify several times slower. */
  readonly judge?: (record: ParsedLine) => string | null;
  /** Called after each part with the bytes checked so far and the total. */
  readonly onProgress?: (bytes: number, total: number) => void;
  /** Default: the directory's files. */
  readonly reader?: AuditReader;
}

/** Throws AuditError ERR_AUDIT_DIRECTORY if there is no log. Damage in the files is a result, not an error. */
export async function verifyAudit(directory: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  const reader = options.reader ?? nodeFiles(directory);
  // Ask this first: a writer that ends after this check has completed its last line.
  const live = await reader.hasWriter();
  // Read the checkpoints before the segments' lengths: the covered records were on disk before their checkpoint.
  const signed = await CheckpointCheck.read(reader, options.keys ?? [], remembered(options.since));
  const { pruned, left: segments } = await withoutPruned(reader, await reader.segments());
  const problems = new Problems(MAX_PROBLEMS);
  const witnesses = new WitnessCheck(options);
  const sizes = [...new Set([...signed.sizes, ...witnesses.sizes])].filter((size) => size > 0).sort((a, b) => a - b);
  const since = typeof options.since === 'object' ? options.since : undefined;
  const check = new ChainCheck({ since, pruned, sizes, judge: options.judge }, problems);
  const total = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const scanner = openScanner(options.reader === undefined ? directory : null, reader, sizes, total);
  try {
    await new Walk(reader, scanner, check, problems, (done) => options.onProgress?.(done, total)).through(segments);
  } finally {
    await scanner.close();
  }
  const unfinishedBytes = check.finish(live);
  if (since !== undefined && !check.sinceSeen) {
    if (since.seq > check.prunedRecords)
      problems.add('SINCE_MISSING', `record ${since.seq} is remembered, the log ends with ${check.lastSeq ?? 0}`);
    else if (since.seq < check.prunedRecords || since.hash !== pruned?.head)
      problems.add('SINCE_PRUNED', sincePruned(since.seq, check.prunedRecords));
  }
  const { expectHead } = options;
  if (expectHead !== undefined && expectHead !== check.head)
    problems.add('HEAD_MISMATCH', `expected head ${expectHead}, got ${check.head}`);
  const checkpoints = signed.judge(check, problems);
  const witnessReports = witnesses.judge(check, signed.names, problems);
  return {
    ok: problems.count === 0,
    records: check.records,
    segments: check.segments,
    prunedRecords: check.prunedRecords,
    firstSeq: check.firstSeq,
    lastSeq: check.lastSeq,
    head: check.head,
    checkpoints,
    witnesses: witnessReports,
    problems: problems.list,
    problemCount: problems.count,
    uncleanShutdowns: check.unclean,
    gaps: check.gaps,
    lost: check.lost,
    tornAccounted: check.tornAccounted,
    unfinishedBytes,
    live,
  };
}

function remembered(since: AuditHead | string | undefined): string | null {
  return typeof since === 'string' ? since : null;
}

/** One pass through all segments, in order, while the next parts are already being scanned. */
class Walk {
  readonly #reader: AuditReader;
  readonly #scanner: Scanner;
  readonly #check: ChainCheck;
  readonly #problems: Problems;
  readonly #onProgress: (done: number) => void;
  #done = 0;

  constructor(
    reader: AuditReader,
    scanner: Scanner,
    check: ChainCheck,
    problems: Problems,
    onProgress: (done: number) => void,
  ) {
    this.#reader = reader;
    this.#scanner = scanner;
    this.#check = check;
    this.#problems = problems;
    this.#onProgress = onProgress;
  }

  async through(segments: readonly SegmentInfo[]): Promise<void> {
    const ahead = new Ahead(this.#scanner, segments.flatMap(partsOf));
    for (const segment of segments) {
      this.#check.segment(segment.number);
      if (segment.fault !== undefined) this.#problems.add('SEGMENT_NOT_FILE', segment.fault, segment.number, 0);
      else await this.#segment(segment, ahead);
    }
  }

  async #segment(segment: SegmentInfo, ahead: Ahead): Promise<void> {
    const before = this.#done;
    let at = 0;
    for (const _ of partsOf(segment)) {
      const scanned = await ahead.next();
      // After a part that is not clean, the slow check reads the rest of the segment. Its other parts are discarded.
      if (at < 0) continue;
      if (scanned !== null && scanned.start === at && this.#check.takes(scanned.summary)) {
        this.#check.take(scanned.summary);
        at = scanned.end;
        this.#done = before + at;
        this.#onProgress(this.#done);
      } else {
        await this.#slowly(segment, at, before);
        at = -1;
      }
    }
    if (at >= 0 && at < segment.bytes) await this.#slowly(segment, at, before);
    this.#done = before + segment.bytes;
  }

  async #slowly(segment: SegmentInfo, from: number, before: number): Promise<void> {
    for await (const chunk of chunks(this.#reader, segment, from)) {
      this.#check.bytes(chunk);
      this.#done += chunk.length;
      this.#onProgress(Math.min(this.#done, before + segment.bytes));
    }
    const torn = this.#check.tornBytes;
    if (torn > 0) this.#check.torn(await tornTail(this.#reader, segment, torn));
  }
}

/** Keeps several scans running, and returns their results in order. */
class Ahead {
  readonly #scanner: Scanner;
  readonly #parts: Iterator<Part>;
  readonly #underWay: Promise<ScannedPart | null>[] = [];

  constructor(scanner: Scanner, parts: readonly Part[]) {
    this.#scanner = scanner;
    this.#parts = parts[Symbol.iterator]();
    for (let count = 0; count < scanner.width; count++) this.#start();
  }

  next(): Promise<ScannedPart | null> {
    const next = this.#underWay.shift();
    this.#start();
    return next ?? Promise.resolve(null);
  }

  #start(): void {
    const part = this.#parts.next();
    if (!part.done) this.#underWay.push(this.#scanner.scan(part.value).catch(() => null));
  }
}

function partsOf({ number, bytes, fault }: SegmentInfo): readonly Part[] {
  const parts: Part[] = [];
  if (fault !== undefined) return parts;
  for (let from = 0; from < bytes; from += VERIFY_PART_BYTES) {
    parts.push({ segment: number, from, to: Math.min(bytes, from + VERIFY_PART_BYTES), size: bytes });
  }
  return parts;
}

async function* chunks(reader: AuditReader, segment: SegmentInfo, from: number): AsyncGenerator<Uint8Array> {
  for (let at = from; at < segment.bytes; ) {
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
