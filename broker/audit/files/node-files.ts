/** Segments in a directory of the host's file system. An edge. */
import { constants, fstatSync, lstatSync, type Stats } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, readdir, rm, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { replaceFile, syncDirectory } from '../../files/index.ts';
import { AuditError } from '../errors.ts';
import { SEGMENT_DIGITS } from '../limits.ts';
import type { AuditFile, AuditFiles, SegmentInfo } from './files.ts';
import { isLocked, lockDirectory } from './lock.ts';
import { PackedSegments, packFile } from './packed-segment.ts';
import { readAt } from './read-at.ts';

const DIRECTORY_MODE = 0o700;
const SEGMENT_MODE = 0o600;
const GROUP_AND_OTHERS = 0o077;
const SEGMENT_NAME = new RegExp(`^\\d{${SEGMENT_DIGITS}}\\.jsonl(\\.gz)?$`);
const PACKED_SUFFIX = '.gz';
const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

export function nodeFiles(directory: string): AuditFiles {
  return new NodeFiles(resolve(directory));
}

export function segmentName(number: number): string {
  return `${String(number).padStart(SEGMENT_DIGITS, '0')}.jsonl`;
}

class NodeFiles implements AuditFiles {
  readonly #directory: string;
  readonly #packed = new PackedSegments();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async prepare(): Promise<void> {
    const made = await this.#make();
    // mkdir applies the umask, which can only remove bits. An existing directory is checked, not changed.
    if (made !== undefined) await chmod(this.#directory, DIRECTORY_MODE);
    mustBePrivate(this.#directory, await lstat(this.#directory));
    for (const { number, fault } of await this.segments()) {
      const plain = this.#path(number);
      const path = (await isThere(plain)) ? plain : `${plain}${PACKED_SUFFIX}`;
      const stat = await lstat(path);
      // Damage inside a file is for verify to judge.
      if (fault !== undefined && !stat.isFile()) throw new AuditError('ERR_AUDIT_MODE', `"${path}" is ${fault}`);
      mustBePrivate(path, stat);
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
      const number = Number.parseInt(name, 10);
      // Until a compressed file is complete and on disk, the plain one counts. It sorts first.
      if (found.at(-1)?.number === number) continue;
      const segment = await this.#info(number, join(this.#directory, name));
      if (segment !== null) found.push(segment);
    }
    return found;
  }

  /** Null: it has just been removed, or compressed by the broker that writes this log. */
  async #info(number: number, path: string): Promise<SegmentInfo | null> {
    const stat = await lstat(path).catch(nullIfMissing);
    if (stat === null) return path.endsWith(PACKED_SUFFIX) ? null : this.#info(number, `${path}${PACKED_SUFFIX}`);
    // lstat only, never open: a FIFO would block its reader for ever.
    if (!stat.isFile()) return { number, bytes: 0, fault: kindOf(stat) };
    if (!path.endsWith(PACKED_SUFFIX)) return { number, bytes: stat.size };
    const bytes = await this.#packed.bytes(path, stat).catch(nullIfMissing);
    if (bytes === null) return { number, bytes: 0, stored: stat.size, fault: 'a damaged compressed file' };
    return { number, bytes, stored: stat.size };
  }

  async read(segment: number, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    const path = this.#path(segment);
    const handle = await open(path, O_RDONLY | O_NOFOLLOW).catch(nullIfMissing);
    if (handle === null) return this.#readPacked(segment, `${path}${PACKED_SUFFIX}`, offset, length);
    try {
      return await readAt(handle, offset, length, into);
    } finally {
      await handle.close();
    }
  }

  async #readPacked(segment: number, path: string, offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#packed.read(path, offset, length).catch(nullIfMissing);
    if (bytes !== null) return bytes;
    const message = `segment ${segment} was removed while it was read; run the command again`;
    throw new AuditError('ERR_AUDIT_DIRECTORY', message);
  }

  async compress(segment: number): Promise<void> {
    const path = this.#path(segment);
    await packFile(path, `${path}${PACKED_SUFFIX}`, SEGMENT_MODE);
    await this.#syncDirectory();
    await rm(path);
    await this.#syncDirectory();
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

  async rewrite(segment: number, offset: number, bytes: Uint8Array): Promise<void> {
    // Without O_APPEND, which would ignore the offset and write at the end.
    const handle = await open(this.#path(segment), O_WRONLY | O_NOFOLLOW);
    try {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, offset + at);
        at += bytesWritten;
      }
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  async readBeside(name: string, tailBytes = Number.POSITIVE_INFINITY): Promise<string | null> {
    const path = join(this.#directory, name);
    if (!(await isRegular(path))) return null;
    const handle = await open(path, O_RDONLY | O_NOFOLLOW);
    try {
      const { size } = await handle.stat();
      const bytes = Buffer.alloc(Math.min(size, tailBytes));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, size - bytes.length);
      return bytes.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  async appendBeside(name: string, text: string): Promise<void> {
    const handle = await open(join(this.#directory, name), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, SEGMENT_MODE);
    try {
      await handle.writeFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  async replaceBeside(name: string, text: string): Promise<void> {
    await replaceFile(join(this.#directory, name), text, SEGMENT_MODE);
  }

  async remove(segments: readonly number[]): Promise<void> {
    for (const segment of segments) {
      const path = this.#path(segment);
      // The plain file last: while both exist it is the one that counts.
      await rm(`${path}${PACKED_SUFFIX}`, { force: true });
      await rm(path, { force: true });
    }
    await this.#syncDirectory();
  }

  async space(): Promise<{ free: number; size: number }> {
    const { bavail, blocks, bsize } = await statfs(this.#directory);
    return { free: bavail * bsize, size: blocks * bsize };
  }

  #path(segment: number): string {
    return join(this.#directory, segmentName(segment));
  }

  /** The topmost directory that had to be made; undefined if the directory existed. */
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

  /** Without this, a power loss could remove a new file: its directory entry must be on disk too. */
  #syncDirectory(): Promise<void> {
    return syncDirectory(this.#directory);
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

async function isRegular(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(nullIfMissing)) !== null;
}

/** For a file that may have gone since its name was read. Other errors stay errors. */
function nullIfMissing(error: unknown): null {
  if (codeOf(error) === 'ENOENT') return null;
  throw error;
}

function kindOf(stat: Stats): string {
  if (stat.isSymbolicLink()) return 'a symbolic link, not a file';
  if (stat.isDirectory()) return 'a directory, not a file';
  return stat.isFIFO() ? 'a FIFO, not a file' : 'not a regular file';
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
