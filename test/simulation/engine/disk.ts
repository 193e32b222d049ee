/**
 * The disk under an audit log. What was written lies in the page cache until it is synced; a crash keeps what was synced
 * and a random beginning of the rest, which may end in the middle of a line. It fills up, fails to write and fails to
 * sync. A failed sync loses what it should have written although it can still be read, and later syncs say nothing of it:
 * so does Linux (fsync reports an error once and marks the pages clean).
 */
import { AuditError } from '../../../broker/audit/errors.ts';
import type { AuditFile, AuditFiles, SegmentInfo } from '../../../broker/audit/files/files.ts';
import type { Random } from '../../support/random.ts';
import type { Process } from './process.ts';

interface Segment {
  bytes: Buffer;
  /** So many bytes survive a crash for certain. */
  synced: number;
  /** From this byte on a failed sync has lost them; later syncs do not bring them to disk. */
  lostFrom: number;
}

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** The disk itself: it outlives the processes that use it. */
export class Disk {
  readonly segments = new Map<number, Segment>();
  readonly beside = new Map<string, string>();
  /** Bytes it still takes. */
  roomBytes = Number.POSITIVE_INFINITY;
  isSyncFailing = false;
  isWriteFailing = false;
  maxDelayMs = 2;
  readonly random: Random;
  holder: Process | null = null;

  constructor(random: Random) {
    this.random = random;
  }

  /** The machine lost its power, or the broker was killed with the cache not written: nothing unsynced is sure. */
  crash(): void {
    this.holder = null;
    for (const segment of this.segments.values()) {
      const end = Math.min(segment.bytes.length, Math.max(segment.synced, segment.lostFrom));
      const kept = segment.synced + this.random.below(end - segment.synced + 1);
      segment.bytes = Buffer.from(segment.bytes.subarray(0, kept));
      segment.synced = kept;
      segment.lostFrom = Number.POSITIVE_INFINITY;
    }
  }

  /** What would be left after a crash at the worst moment, one text. */
  durableText(): string {
    return this.#numbers()
      .map((number) => {
        const segment = this.segments.get(number);
        return segment === undefined ? '' : segment.bytes.toString('utf8', 0, segment.synced);
      })
      .join('');
  }

  wholeText(): string {
    return this.#numbers()
      .map((number) => this.segments.get(number)?.bytes.toString() ?? '')
      .join('');
  }

  /** The files as one process sees them. */
  filesFor(process: Process): AuditFiles {
    return new SimulatedFiles(this, process);
  }

  #numbers(): number[] {
    return [...this.segments.keys()].sort((a, b) => a - b);
  }
}

class SimulatedFiles implements AuditFiles {
  readonly #disk: Disk;
  readonly #process: Process;

  constructor(disk: Disk, process: Process) {
    this.#disk = disk;
    this.#process = process;
  }

  async prepare(): Promise<void> {}

  async lock(): Promise<() => Promise<void>> {
    const { holder } = this.#disk;
    if (holder?.isAlive === true) throw new AuditError('ERR_AUDIT_LOCKED', 'locked');
    this.#disk.holder = this.#process;
    return async () => {
      this.#disk.holder = null;
    };
  }

  async hasWriter(): Promise<boolean> {
    return this.#disk.holder?.isAlive === true;
  }

  async segments(): Promise<readonly SegmentInfo[]> {
    const numbers = [...this.#disk.segments.keys()].sort((a, b) => a - b);
    return numbers.map((number) => ({ number, bytes: this.#segment(number).bytes.length }));
  }

  async read(segment: number, offset: number, length: number): Promise<Uint8Array> {
    return Uint8Array.from(this.#segment(segment).bytes.subarray(offset, offset + length));
  }

  create(segment: number): Promise<AuditFile> {
    return this.work('create', () => {
      if (this.#disk.segments.has(segment)) throw errno('EEXIST');
      if (this.#disk.roomBytes <= 0) throw errno('ENOSPC');
      const made = { bytes: Buffer.alloc(0), synced: 0, lostFrom: Number.POSITIVE_INFINITY };
      this.#disk.segments.set(segment, made);
      return new SimulatedFile(this, this.#disk, made);
    });
  }

  open(segment: number): Promise<AuditFile> {
    return this.work('open', () => new SimulatedFile(this, this.#disk, this.#segment(segment)));
  }

  rewrite(segment: number, offset: number, bytes: Uint8Array): Promise<void> {
    return this.work('rewrite', () => {
      const disk = this.#disk;
      const known = this.#segment(segment);
      if (disk.isWriteFailing || disk.isSyncFailing) throw errno('EIO');
      if (Buffer.compare(known.bytes.subarray(offset, offset + bytes.length), bytes) !== 0) throw errno('EBADMSG');
      // The pages are dirty again, so this sync says something of them.
      if (offset <= known.lostFrom) known.lostFrom = Number.POSITIVE_INFINITY;
      if (offset <= known.synced) known.synced = Math.max(known.synced, offset + bytes.length);
    });
  }

  async readBeside(name: string, tailBytes = Number.POSITIVE_INFINITY): Promise<string | null> {
    const text = this.#disk.beside.get(name);
    if (text === undefined) return null;
    const bytes = Buffer.from(text);
    return bytes.subarray(Math.max(0, bytes.length - tailBytes)).toString();
  }

  appendBeside(name: string, text: string): Promise<void> {
    return this.work('append', () => {
      this.#takeRoom(text.length);
      this.#disk.beside.set(name, (this.#disk.beside.get(name) ?? '') + text);
    });
  }

  replaceBeside(name: string, text: string): Promise<void> {
    return this.work('replace', () => {
      this.#takeRoom(text.length);
      this.#disk.beside.set(name, text);
    });
  }

  remove(segments: readonly number[]): Promise<void> {
    return this.work('remove', () => {
      for (const segment of segments) this.#disk.segments.delete(segment);
    });
  }

  /** The simulated disk has room enough; a segment stays as it is. */
  compress(): Promise<void> {
    return this.work('compress', () => undefined);
  }

  async space(): Promise<{ readonly free: number; readonly size: number }> {
    return { free: this.#disk.roomBytes, size: this.#disk.roomBytes };
  }

  /** Something that takes the disk a while. A process that is killed meanwhile never hears of it. */
  work<T>(what: string, act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#process.schedule(this.#disk.random.below(1 + this.#disk.maxDelayMs), `disk ${what}`, () => {
        try {
          resolve(act());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #takeRoom(bytes: number): void {
    if (this.#disk.isWriteFailing) throw errno('EIO');
    if (this.#disk.roomBytes < bytes) throw errno('ENOSPC');
    this.#disk.roomBytes -= bytes;
  }

  #segment(number: number): Segment {
    const segment = this.#disk.segments.get(number);
    if (segment === undefined) throw errno('ENOENT');
    return segment;
  }
}

class SimulatedFile implements AuditFile {
  readonly #files: SimulatedFiles;
  readonly #disk: Disk;
  readonly #segment: Segment;

  constructor(files: SimulatedFiles, disk: Disk, segment: Segment) {
    this.#files = files;
    this.#disk = disk;
    this.#segment = segment;
  }

  append(bytes: Uint8Array): Promise<number> {
    return this.#files.work('append', () => {
      const disk = this.#disk;
      if (disk.isWriteFailing) throw errno('EIO');
      if (disk.roomBytes <= 0) throw errno('ENOSPC');
      // A write may take a part, which is no error.
      const wanted = disk.random.oneIn(8) ? 1 + disk.random.below(bytes.length) : bytes.length;
      const taken = Math.min(wanted, disk.roomBytes);
      disk.roomBytes -= taken;
      this.#segment.bytes = Buffer.concat([this.#segment.bytes, bytes.subarray(0, taken)]);
      return taken;
    });
  }

  datasync(): Promise<void> {
    // What is appended after the call is not its business.
    const end = this.#segment.bytes.length;
    return this.#files.work('sync', () => {
      const segment = this.#segment;
      if (this.#disk.isSyncFailing) {
        if (end > segment.synced) segment.lostFrom = Math.min(segment.lostFrom, segment.synced);
        throw errno('EIO');
      }
      segment.synced = Math.max(segment.synced, Math.min(end, segment.lostFrom));
    });
  }

  async state(): Promise<{ readonly bytes: number; readonly inPlace: boolean }> {
    return { bytes: this.#segment.bytes.length, inPlace: true };
  }

  async close(): Promise<void> {}
}
