/** Segments in a directory of the host's file system. An edge. */
import { constants, fstatSync, lstatSync } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AuditError } from './errors.ts';
import type { AuditFile, AuditFiles, SegmentInfo } from './files.ts';
import { SEGMENT_DIGITS } from './limits.ts';
import { isLocked, lockDirectory } from './lock.ts';

const DIRECTORY_MODE = 0o700;
const SEGMENT_MODE = 0o600;
const GROUP_AND_OTHERS = 0o077;
const SEGMENT_NAME = new RegExp(`^\\d{${SEGMENT_DIGITS}}\\.jsonl$`);
const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

export function nodeFiles(directory: string): AuditFiles {
  return new NodeFiles(resolve(directory));
}

export function segmentName(number: number): string {
  return `${String(number).padStart(SEGMENT_DIGITS, '0')}.jsonl`;
}

class NodeFiles implements AuditFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async prepare(): Promise<void> {
    const made = await this.#make();
    // mkdir subtracts the umask, which can only take away; a directory that was there is checked, not changed.
    if (made !== undefined) await chmod(this.#directory, DIRECTORY_MODE);
    mustBePrivate(this.#directory, await lstat(this.#directory));
    for (const { number } of await this.segments()) {
      const path = this.#path(number);
      mustBePrivate(path, await lstat(path));
    }
  }

  lock(): Promise<() => Promise<void>> {
    return lockDirectory(this.#directory);
  }

  hasWriter(): Promise<boolean> {
    return isLocked(this.#directory);
  }

  async segments(): Promise<readonly SegmentInfo[]> {
    const names = (await this.#names()).filter((name) => SEGMENT_NAME.test(name)).sort();
    const found: SegmentInfo[] = [];
    for (const name of names) {
      found.push({ number: Number.parseInt(name, 10), bytes: (await lstat(join(this.#directory, name))).size });
    }
    return found;
  }

  async read(segment: number, offset: number, length: number): Promise<Uint8Array> {
    const handle = await open(this.#path(segment), O_RDONLY | O_NOFOLLOW);
    try {
      const bytes = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    } finally {
      await handle.close();
    }
  }

  async create(segment: number): Promise<AuditFile> {
    const path = this.#path(segment);
    const handle = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, SEGMENT_MODE);
    await this.#syncDirectory();
    return new NodeFile(path, handle);
  }

  async open(segment: number): Promise<AuditFile> {
    const path = this.#path(segment);
    return new NodeFile(path, await open(path, O_WRONLY | O_APPEND | O_NOFOLLOW));
  }

  #path(segment: number): string {
    return join(this.#directory, segmentName(segment));
  }

  /** The topmost directory that had to be made; undefined if it was there. */
  async #make(): Promise<string | undefined> {
    try {
      return await mkdir(this.#directory, { recursive: true, mode: DIRECTORY_MODE });
    } catch (cause) {
      const message = `"${this.#directory}" cannot be made an audit directory: ${codeOf(cause)}`;
      throw new AuditError('ERR_AUDIT_DIRECTORY', message, { cause });
    }
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#directory);
    } catch (cause) {
      throw new AuditError('ERR_AUDIT_DIRECTORY', `"${this.#directory}" is not a readable audit directory`, { cause });
    }
  }

  /** A new file whose directory entry is not on disk would vanish with everything in it. */
  async #syncDirectory(): Promise<void> {
    const handle = await open(this.#directory, O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

class NodeFile implements AuditFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  async append(bytes: Uint8Array): Promise<number> {
    return (await this.#handle.write(bytes)).bytesWritten;
  }

  datasync(): Promise<void> {
    return this.#handle.datasync();
  }

  /** Synchronous inside: two cached stats take 3 µs, two trips through the thread pool twenty times that. */
  async state(): Promise<{ bytes: number; inPlace: boolean }> {
    const opened = fstatSync(this.#handle.fd);
    const named = lstatSync(this.#path, { throwIfNoEntry: false });
    const inPlace = named !== undefined && opened.nlink > 0 && named.ino === opened.ino && named.dev === opened.dev;
    return { bytes: opened.size, inPlace };
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function mustBePrivate(path: string, stat: { mode: number; uid: number; isSymbolicLink(): boolean }): void {
  const uid = process.getuid?.() ?? stat.uid;
  if (stat.isSymbolicLink()) throw new AuditError('ERR_AUDIT_MODE', `"${path}" must not be a symbolic link`);
  if ((stat.mode & GROUP_AND_OTHERS) !== 0) {
    const mode = (stat.mode & 0o777).toString(8);
    throw new AuditError('ERR_AUDIT_MODE', `"${path}" has mode ${mode}; take it from group and others (chmod go= )`);
  }
  if (stat.uid !== uid) {
    throw new AuditError('ERR_AUDIT_MODE', `"${path}" belongs to user ${stat.uid}, the broker runs as ${uid}`);
  }
}
