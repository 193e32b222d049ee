/**
 * The chain and its tree on their files: takes bodies, numbers and links them, brings them to disk, and finds out after a
 * failure how far it came. One operation at a time; the writer ensures that.
 *
 * Nothing is ever truncated or overwritten. After a failed write the file is read back: lines that are there whole are
 * part of the log, what follows them is a torn tail, and the log goes on in a new segment whose first record states it.
 */
import { encodeLine, hashLine } from '../chain.ts';
import { AuditError } from '../errors.ts';
import type { CompactRange } from '../evidence/index.ts';
import type { AuditFile, AuditFiles } from '../files/files.ts';
import type { AuditHead } from '../log.ts';
import { findEnd, type LogEnd, type TornTail } from '../read/end.ts';
import type { SignedPart } from './checkpointer.ts';
import type { TreeState } from './state.ts';

/** Why records could not be brought to disk: an errno word, or what happened to the file. */
export class SegmentFault extends Error {
  readonly code: string;

  constructor(code: 'SEGMENT_GONE' | 'SEGMENT_CHANGED' | 'NO_PROGRESS') {
    super(`audit segment: ${code}`);
    this.code = code;
  }
}

/** What became of the batch whose write failed. */
export interface Salvage {
  /** So many of its records, from the first on, are on disk. */
  readonly written: number;
  /** To be stated by the next record. */
  readonly torn: readonly TornTail[];
  /** False: what the files end with is not what was written; somebody else changed them. verify will say where. */
  readonly intact: boolean;
}

export class SegmentLog {
  readonly #files: AuditFiles;
  readonly #segmentBytes: number;
  /** Over all records up to the head. */
  readonly #tree: CompactRange;
  #firstLeaf: string | null;
  #head: AuditHead;
  #segment: number;
  /** Null: the next append opens one. */
  #file: AuditFile | null = null;
  #bytes: number;
  /** The next append must not go into segment `#segment`: its tail is torn or it is not ours any more. */
  #sealed: boolean;
  /** Heads after each record of a batch that may be on disk in part. */
  #doubtful: readonly AuditHead[] = [];

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

  /** What a checkpoint would cover now; null in an empty log. Valid until the next operation. */
  get signable(): SignedPart | null {
    if (this.#firstLeaf === null) return null;
    return {
      tree: this.#tree,
      firstLeaf: this.#firstLeaf,
      place: { segment: this.#segment, offset: this.#bytes },
    };
  }

  /** The newest record on disk. */
  get head(): AuditHead {
    return this.#head;
  }

  /** Returns when all are on disk. Throws whatever the host threw, or a SegmentFault; then only `salvage` may follow. */
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

  /** After a failed append: reads back what is on disk and makes ready to go on. May throw like append; try again later. */
  async salvage(): Promise<Salvage> {
    // An error of closing tells nothing that the read-back below does not.
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
    // Read back is not on disk: a failed sync may have left it in memory only, torn tail included.
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

  /** Null: the end cannot be made sense of. */
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

/** A write may take only a part, which is not an error; taking nothing is. */
async function writeWhole(file: AuditFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const taken = await file.append(bytes.subarray(at));
    if (taken <= 0) throw new SegmentFault('NO_PROGRESS');
    at += taken;
  }
}
