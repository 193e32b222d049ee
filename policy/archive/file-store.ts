/**
 * Files of the archive by their content. A policy is six references, so an edit of one file costs one file.
 *
 *   files/SHA256          the content of one file of a policy
 *   policies/HASH         which six, in the order in which they are hashed
 *
 * A name that is there has its whole content (broker/files).
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../broker/files/index.ts';
import { hashFiles, POLICY_FILE_NAMES, type PolicyFiles } from '../load/index.ts';
import { PolicyError } from '../read/index.ts';
import { isHash } from './entry.ts';

const { O_NOFOLLOW, O_RDONLY } = constants;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

export class FileStore {
  readonly #files: string;
  readonly #policies: string;

  constructor(directory: string) {
    this.#files = join(directory, 'files');
    this.#policies = join(directory, 'policies');
  }

  async prepare(): Promise<void> {
    for (const path of [this.#files, this.#policies]) await makePrivate(path);
  }

  /** Hashes of the policies that are kept. */
  async policies(): Promise<string[]> {
    return (await namesIn(this.#policies)).filter(isHash);
  }

  async put(hash: string, files: PolicyFiles): Promise<void> {
    const names: string[] = [];
    for (const name of POLICY_FILE_NAMES) {
      const content = sha256(files[name]);
      names.push(`${content} ${name}\n`);
      await writeWhole(this.#files, content, files[name]);
    }
    await writeWhole(this.#policies, hash, Buffer.from(names.join('')));
  }

  /** Null when it is not kept. */
  async get(hash: string): Promise<PolicyFiles | null> {
    const list = await readIfThere(join(this.#policies, hash));
    if (list === null) return null;
    const contents = await Promise.all(
      contentsOf(list).map(async (content) => {
        const bytes = await readIfThere(join(this.#files, content));
        if (bytes === null) throw damaged(hash, `the file ${content.slice(0, 12)} is missing`);
        return bytes;
      }),
    );
    if (contents.length !== POLICY_FILE_NAMES.length) throw damaged(hash, 'its list of files is cut short');
    const files = Object.fromEntries(
      POLICY_FILE_NAMES.map((name, index) => [name, contents[index]]),
    ) as unknown as PolicyFiles;
    if (hashFiles(files) !== hash) throw damaged(hash, 'the content of its files is another one');
    return files;
  }

  async bytes(): Promise<number> {
    let sum = 0;
    for (const name of await namesIn(this.#files)) sum += (await lstat(join(this.#files, name))).size;
    return sum;
  }

  /** Removes policies, then the files that no other policy needs. */
  async drop(hashes: ReadonlySet<string>): Promise<void> {
    for (const hash of hashes) await rm(join(this.#policies, hash), { force: true });
    const needed = new Set<string>();
    for (const hash of await this.policies()) {
      const list = await readIfThere(join(this.#policies, hash));
      for (const content of list === null ? [] : contentsOf(list)) needed.add(content);
    }
    for (const name of await namesIn(this.#files))
      if (!needed.has(name)) await rm(join(this.#files, name), { force: true });
  }
}

function contentsOf(list: Uint8Array): string[] {
  return Buffer.from(list)
    .toString('latin1')
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter(isHash);
}

/** Makes a directory that only its owner can enter; one that is there is checked. */
export async function makePrivate(path: string): Promise<void> {
  try {
    const made = await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
    if (made !== undefined) await chmod(path, DIRECTORY_MODE);
    const stats = await lstat(path);
    const uid = process.getuid?.() ?? stats.uid;
    if (!stats.isDirectory()) throw new Error('it is not a directory');
    if ((stats.mode & 0o077) !== 0 || stats.uid !== uid)
      throw new Error(`it has to belong to user ${uid} and to have mode 0700`);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

async function writeWhole(directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const path = join(directory, name);
  try {
    if ((await readIfThere(path)) === null) await replaceFile(path, bytes, FILE_MODE);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return [];
    throw unreadable(directory, cause);
  }
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path, { flag: O_RDONLY | O_NOFOLLOW });
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null;
    throw unreadable(path, cause);
  }
}

export function unwritable(path: string, cause: unknown): PolicyError {
  const message = `the archive of policies cannot be written at "${path}": ${reasonOf(cause)}`;
  return new PolicyError('ERR_POLICY_ARCHIVE', message, [], cause);
}

export function unreadable(path: string, cause: unknown): PolicyError {
  const message = `the archive of policies cannot be read at "${path}": ${reasonOf(cause)}`;
  return new PolicyError('ERR_POLICY_ARCHIVE', message, [], cause);
}

function damaged(hash: string, what: string): PolicyError {
  return new PolicyError('ERR_POLICY_ARCHIVE', `policy ${hash.slice(0, 12)} of the archive is damaged: ${what}`);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
