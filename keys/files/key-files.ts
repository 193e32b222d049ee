/**
 * All disk access of keys/. A file is read through one open handle, so the checked file is the one that is read. A file
 * is written completely or not at all.
 *
 * A renewed file is replaced, and a new one created, as every file is (broker/files): nothing is ever overwritten unless
 * it is to be.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, stat } from 'node:fs/promises';
import { createFile, replaceFile } from '../../broker/files/index.ts';
import { KeyError, MAX_KEY_FILE_BYTES, PRIVATE_DIRECTORY_MODE, PRIVATE_FILE_MODE } from '../base/index.ts';

const GROUP_AND_OTHERS = 0o077;
const WRITABLE_BY_OTHERS = 0o022;

/**
 * `private`: only the owner can read it. `public`: only the owner can change it. `given`: the operator just named it.
 */
export type FileTrust = 'private' | 'public' | 'given';

/**
 * @param hint what to do when the file is missing, shown to the operator
 * @throws KeyError ERR_KEY_FILE_MISSING, _SYMLINK, _OWNER, _MODE, _CONTENT (no regular file, too long), _IO
 */
export async function readKeyFile(
  path: string,
  trust: FileTrust,
  hint: string,
  maxBytes = MAX_KEY_FILE_BYTES,
): Promise<string> {
  // O_NONBLOCK: a FIFO in place of the file must not block the program
  const noFollow = trust === 'given' ? 0 : constants.O_NOFOLLOW;
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | noFollow);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new KeyError('ERR_KEY_FILE_MISSING', `no file "${path}"; ${hint}`);
    if (isErrno(error, 'ELOOP') || isErrno(error, 'EMLINK'))
      throw new KeyError(
        'ERR_KEY_FILE_SYMLINK',
        `"${path}" is a symbolic link, so another user may choose what it means; put the file itself there`,
      );
    throw new KeyError('ERR_KEY_FILE_IO', `cannot read "${path}" (${errnoOf(error)})`, error);
  }
  try {
    const status = await handle.stat();
    assertFileStatus(path, status, trust, maxBytes);
    return await handle.readFile('utf8');
  } catch (error) {
    if (error instanceof KeyError) throw error;
    throw new KeyError('ERR_KEY_FILE_IO', `cannot read "${path}" (${errnoOf(error)})`, error);
  } finally {
    await handle.close();
  }
}

function assertFileStatus(path: string, status: Stats, trust: FileTrust, maxBytes: number): void {
  if (!status.isFile()) throw new KeyError('ERR_KEY_FILE_CONTENT', `"${path}" is not a regular file`);
  if (trust !== 'given') assertOwner(path, status);
  if (trust === 'private' && (status.mode & GROUP_AND_OTHERS) !== 0)
    throw modeError(path, status, 'only its owner may read a private key', 'chmod 600');
  if (trust === 'public' && (status.mode & WRITABLE_BY_OTHERS) !== 0)
    throw modeError(path, status, 'only its owner may change it', 'chmod 644');
  if (status.size > maxBytes)
    throw new KeyError(
      'ERR_KEY_FILE_CONTENT',
      `"${path}" holds ${status.size} bytes; at most ${maxBytes} are expected there`,
    );
}

/** Checks the owner, because the owner can always change the file, whatever its mode. */
function assertOwner(path: string, { uid }: Stats): void {
  const own = process.getuid?.();
  if (own === undefined || isTrustedOwner(uid, own)) return;
  throw new KeyError(
    'ERR_KEY_FILE_OWNER',
    `"${path}" belongs to user ${uid}, who can change it; it has to belong to root or to user ${own}, who reads it: run as user ${uid}, or: chown ${own} ${path}`,
  );
}

/** @param own the user of this process */
export function isTrustedOwner(uid: number, own: number): boolean {
  return uid === 0 || uid === own;
}

function modeError(path: string, status: Stats, why: string, command: string): KeyError {
  const mode = (status.mode & 0o777).toString(8).padStart(3, '0');
  return new KeyError('ERR_KEY_FILE_MODE', `"${path}" has mode ${mode}, but ${why}; run: ${command} ${path}`);
}

/**
 * Checks the directory too: a user with write access to it can replace the files in it, whatever their modes.
 *
 * @throws KeyError ERR_KEY_FILE_MISSING, _OWNER, _MODE, _CONTENT, _IO
 */
export async function assertKeyDirectory(dir: string, hint: string): Promise<void> {
  let status: Stats;
  try {
    status = await stat(dir);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new KeyError('ERR_KEY_FILE_MISSING', `no directory "${dir}"; ${hint}`);
    throw new KeyError('ERR_KEY_FILE_IO', `cannot read "${dir}" (${errnoOf(error)})`, error);
  }
  if (!status.isDirectory()) throw new KeyError('ERR_KEY_FILE_CONTENT', `"${dir}" is not a directory`);
  assertOwner(dir, status);
  if ((status.mode & WRITABLE_BY_OTHERS) !== 0)
    throw modeError(dir, status, 'only its owner may change what is in it', 'chmod 700');
}

/** Makes the directory with mode 0700. An existing one stays as it is. @throws KeyError ERR_KEY_FILE_IO */
export async function makeDirectory(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: PRIVATE_DIRECTORY_MODE });
  } catch (error) {
    throw new KeyError('ERR_KEY_FILE_IO', `cannot make the directory "${dir}" (${errnoOf(error)})`, error);
  }
}

/** The same for a directory of private keys: an existing one must be safe. */
export async function makeKeyDirectory(dir: string): Promise<void> {
  await makeDirectory(dir);
  await assertKeyDirectory(dir, 'it was just made');
}

/** True for any entry of that name, a dangling symlink included. */
export async function isPresent(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw new KeyError('ERR_KEY_FILE_IO', `cannot look at "${path}" (${errnoOf(error)})`, error);
  }
}

/** @throws KeyError ERR_KEY_EXISTS when the name is taken (the existing file stays untouched), ERR_KEY_FILE_IO */
export async function createKeyFile(path: string, text: string, mode: number): Promise<void> {
  await writing(path, async () => {
    try {
      await createFile(path, text, mode);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      throw new KeyError('ERR_KEY_EXISTS', `"${path}" exists already and is not overwritten`);
    }
  });
}

/** For renewable files: readers see the old file or the new one, never a part. @throws KeyError ERR_KEY_FILE_IO */
export async function replaceKeyFile(path: string, text: string, mode: number): Promise<void> {
  await writing(path, () => replaceFile(path, text, mode));
}

/**
 * Appends one line to a register. It is on disk when this returns. A line that a crash left incomplete stays separate.
 *
 * @throws KeyError ERR_KEY_FILE_IO
 */
export async function appendRegisterLine(path: string, line: string): Promise<void> {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  try {
    const handle = await open(path, flags, PRIVATE_FILE_MODE);
    try {
      const { size } = await handle.stat();
      const last = Buffer.alloc(1, '\n');
      if (size > 0) await handle.read(last, 0, 1, size - 1);
      await handle.writeFile(`${last.toString() === '\n' ? '' : '\n'}${line}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new KeyError('ERR_KEY_FILE_IO', `cannot write "${path}" (${errnoOf(error)})`, error);
  }
}

async function writing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (error instanceof KeyError) throw error;
    throw new KeyError('ERR_KEY_FILE_IO', `cannot write "${path}" (${errnoOf(error)}); nothing was changed`, error);
  }
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}

function isErrno(error: unknown, code: string): boolean {
  return errnoOf(error) === code;
}
