/**
 * The chain and its tree in their files. Numbers and links the bodies of records, and writes them to disk. After a
 * failure it finds out how many of them are on disk. One operation at a time; the writer ensures that.
 *
 * Nothing is ever truncated or overwritten. After a failed write the file is read back. Whole lines are part of the
 * log; bytes after them are a torn tail. The log continues in a new segment, whose first record states the torn tail.
 */
import { encodeLine, hashLine } from '../chain.ts';
import { AuditError } from '../errors.ts';
import type { CompactRange } from '../evidence/index.ts';
import type { AuditFile, AuditFiles } from '../files/files.ts';
import type { AuditHead } from '../log.ts';
import { findEnd, type LogEnd, type TornTail } from '../read/end.ts';
import type { SignedPart } from './checkpointer.ts';
import type { TreeState } from './state.ts';

/** The reason why records could not be written: an errno word, or a code for a replaced or changed file. */
export class SegmentFault extends Error {
  readonly code: string;

  constructor(code: 'SEGMENT_GONE' | 'SEGMENT_CHANGED' | 'NO_PROGRESS') {
    super(`audit segment: ${code}`);
    this.code = code;
  }
}

/** The state of a batch after its write failed. */
export interface Salvage {
  /** Number of its records, from the first on, that are on disk. */
  readonly written: number;
  /** The next record must state them. */
  readonly torn: readonly TornTail[];
  /**
   * False: the end of the files is not what this log wrote. Another process changed them, and verify will say where.
   */
  readonly intact: boolean;
}

export class SegmentLog {
  readonly #files: AuditFiles;
  readonly #segmentBytes: number;
  /** The tree over all records up to the head. */
  readonly #tree: CompactRange;
  #firstLeaf: string | null;
  #head: AuditHead;
  #segment: number;
  /** Null: the next append opens one. */
  #file: AuditFile | null = null;
  #bytes: number;
  /** The next append must not go into segment `#segment`: its tail is torn, or another process changed it. */
  #sealed: boolean;
  /** Heads after each record of a batch that may be partly on disk. */
  #doubtful: readonly AuditHead[] = [];
  /** Called when a segment has begun. */
  onBegin: () => void = () => undefined;

  constructor(files: AuditFiles, segmentBytes: number, end: LogEnd, state: TreeState) {
    this.#files = files;
    this.#segmentBytes = segmentBytes;
    this.#tree = state.tree;
    this.#firstLeaf = state.firstLeaf;
    this.#head = { seq: end.seq, hash: end.hash };
    this.#segment = end.segment;
    this.#bytes = end.bytes;
    this.#sealed = isTorn(end);
  }

  /** The records that a checkpoint would cover now; null in an empty log. Valid until the next operation. */
  get signable(): SignedPart | null {
    if (this.#firstLeaf === null) return null;
    return {
      tree: this.#tree,
      firstLeaf: this.#firstLeaf,
      place: { segment: this.#segment, offset: this.#bytes },
    };
  }

  /** The number of the segment that is being written; 0 before the first one. */
  get segment(): number {
    return this.#segment;
  }

  /** The next record begins a new segment. */
  rotate(): void {
    if (this.#bytes > 0) this.#sealed = true;
  }

  /** The newest record on disk. */
  get head(): AuditHead {
    return this.#head;
  }

  /** Returns when all are on disk. Throws the host's error or a SegmentFault; then only `salvage` may follow. */
  async append(bodies: readonly string[]): Promise<void> {
    const file = await this.#current();
    const { bytes, inPlace } = await file.state();
    if (!inPlace) throw new SegmentFault('SEGMENT_GONE');
    if (bytes !== this.#bytes) throw new SegmentFault('SEGMENT_CHANGED');
    const { lines, heads } = this.#link(bodies);
    this.#doubtful = heads;
    await writeWhole(file, lines);
    await file.datasync();
    this.#doubtful = [];
    this.#bytes += lines.length;
    this.#advance(heads);
  }

  #advance(heads: readonly AuditHead[]): void {
    for (const { hash } of heads) {
      this.#firstLeaf ??= hash;
      this.#tree.appendLeaf(hash);
    }
    this.#head = heads.at(-1) ?? this.#head;
  }

  /**
   * After a failed append: reads the disk back and prepares the next append. May throw like append; then try again
   * later.
   */
  async salvage(): Promise<Salvage> {
    // An error of close adds nothing to the result of reading back.
    await this.#file?.close().catch(() => undefined);
    this.#file = null;
    const end = await this.#readBack();
    const written = end === null ? -1 : [this.#head, ...this.#doubtful].findIndex((head) => head.hash === end.hash);
    if (end === null || written < 0) {
      const newest = (await this.#files.segments()).at(-1)?.number ?? 0;
      this.#segment = Math.max(this.#segment, newest);
      this.#sealed = true;
      return { written: 0, torn: end?.torn ?? [], intact: false };
    }
    // Bytes that can be read are not always on disk: after a failed sync they may be in memory only, torn tail
    // included.
    if (end.segment > 0) await this.#rewrite(end.segment, end.segment === this.#segment ? this.#bytes : 0, end.bytes);
    this.#advance(this.#doubtful.slice(0, written));
    this.#doubtful = [];
    this.#segment = end.segment;
    this.#bytes = end.bytes;
    this.#sealed = isTorn(end);
    return { written, torn: end.torn, intact: true };
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #current(): Promise<AuditFile> {
    const full = this.#sealed || this.#segment === 0 || this.#bytes >= this.#segmentBytes;
    if (this.#file !== null && !full) return this.#file;
    await this.close();
    if (!full) {
      this.#file = await this.#files.open(this.#segment);
      return this.#file;
    }
    this.#file = await this.#files.create(this.#segment + 1);
    this.#segment += 1;
    this.#bytes = 0;
    this.#sealed = false;
    this.onBegin();
    return this.#file;
  }

  #link(bodies: readonly string[]): { lines: Uint8Array; heads: readonly AuditHead[] } {
    let { seq, hash } = this.#head;
    let text = '';
    const heads: AuditHead[] = [];
    for (const body of bodies) {
      seq += 1;
      const line = encodeLine(seq, body, hash);
      hash = hashLine(line);
      heads.push({ seq, hash });
      text += `${line}\n`;
    }
    return { lines: Buffer.from(text), heads };
  }

  /** Null: the end of the log cannot be found. */
  async #readBack(): Promise<LogEnd | null> {
    try {
      const end = await findEnd(this.#files);
      return end.segment < this.#segment ? null : end;
    } catch (error) {
      if (error instanceof AuditError && error.code === 'ERR_AUDIT_CORRUPT') return null;
      throw error;
    }
  }

  async #rewrite(segment: number, from: number, to: number): Promise<void> {
    await this.#files.rewrite(segment, from, await this.#files.read(segment, from, to - from));
  }
}

function isTorn(end: LogEnd): boolean {
  return end.torn.some((torn) => torn.segment === end.segment);
}

/** A write may take only a part of the bytes; that is not an error. Taking no byte is one. */
async function writeWhole(file: AuditFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const taken = await file.append(bytes.subarray(at));
    if (taken <= 0) throw new SegmentFault('NO_PROGRESS');
    at += taken;
  }
}
