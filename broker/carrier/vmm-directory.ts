/**
 * Directories that belong to the users of VMMs: RUNTIME/NAME/ belongs to the user of NAME's VMM (0700), and so does the
 * broker's socket in it (0600). The VMM of one domain reaches its own socket and no other one. It may keep sockets of
 * its own next to it (QEMU with server=on, Firecracker).
 *
 * That user is not trusted, and the broker may be root: the owner of a directory can put links to any file into it at
 * any moment. Therefore
 *
 *   - only the broker can write to RUNTIME (prepareRuntime), so RUNTIME/NAME is always the entry that the broker made;
 *   - a socket is bound, and gets its mode and its owner, in RUNTIME/.making, which no other user can open;
 *   - in a directory of another user the broker does two things by name: rename(2) puts the finished socket there, and
 *     unlink(2) removes it. Neither follows a link in the last part of a path, and the parts before it belong to the
 *     broker. The broker never changes a mode or an owner there, and never connects to a socket there to see whether it
 *     is served.
 *
 * The user can still break the socket of its own domain. That is reported, and does not affect other domains.
 */
import { lchown, lstat, mkdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokerError } from '../process/index.ts';
import { vmmDirectory } from './declared.ts';

/** The owner by uid; `user` is its name in the inventory. */
export interface VmmOwner {
  readonly uid: number;
  readonly user: string | number;
}

const MAKING = '.making';
const KEEP_GROUP = -1;

/** The path where a domain's socket is bound before the hand-over. It is no longer than the final path. */
export function makingPath(runtime: string, domain: string): string {
  return join(runtime, MAKING, domain);
}

/**
 * Makes a directory, gives it to that user and writes into it: a trial of the later steps, in a place that nothing
 * uses.
 *
 * @throws BrokerError ERR_BROKER_VMM_OWNER
 */
export async function tryOwner(runtime: string, owner: VmmOwner): Promise<void> {
  const trial = join(runtime, MAKING, `.${owner.uid}`);
  await mkdir(join(runtime, MAKING), { mode: 0o700, recursive: true });
  try {
    await rmdir(join(trial, 'inner')).catch(() => {}); // left by a run that was killed here
    await rmdir(trial).catch(() => {});
    await mkdir(trial, 0o700);
    await lchown(trial, owner.uid, KEEP_GROUP);
    await mkdir(join(trial, 'inner'));
    await rmdir(join(trial, 'inner'));
  } catch (cause) {
    throw notGiven(owner, cause);
  } finally {
    await rmdir(trial).catch(() => {});
  }
}

/**
 * Makes RUNTIME/NAME for its owner, or checks the existing one. @throws BrokerError ERR_BROKER_VMM_DIRECTORY, _OWNER
 */
export async function openDirectory(runtime: string, domain: string, owner: VmmOwner): Promise<void> {
  const directory = vmmDirectory(runtime, domain);
  const found = await lstat(directory).catch(() => null);
  if (found?.isDirectory() === true && found.uid === owner.uid) return;
  if (found !== null) await removeForeign(directory, owner);
  try {
    await mkdir(directory, 0o700);
    await lchown(directory, owner.uid, KEEP_GROUP);
  } catch (cause) {
    throw notGiven(owner, cause);
  }
}

/** Removes it if it is empty. Files of its former owner stay, because that VMM may be running. */
async function removeForeign(directory: string, owner: VmmOwner): Promise<void> {
  try {
    await rmdir(directory);
  } catch (cause) {
    const message = `"${directory}" is not the empty directory of "${owner.user}" (uid ${owner.uid}): stop the VMM that used it, and remove it`;
    throw new BrokerError('ERR_BROKER_VMM_DIRECTORY', message, { cause });
  }
}

/** Removes the directory, unless its owner keeps files there. */
export async function closeDirectory(runtime: string, domain: string): Promise<void> {
  await rmdir(vmmDirectory(runtime, domain)).catch(() => {});
}

/** Hands a finished socket over to its owner. @throws BrokerError ERR_BROKER_VMM_DIRECTORY, ERR_BROKER_VMM_OWNER */
export async function handOver(made: string, path: string, owner: VmmOwner): Promise<void> {
  try {
    await lchown(made, owner.uid, KEEP_GROUP);
    await rename(made, path);
  } catch (cause) {
    await unlink(made).catch(() => {});
    const code = codeOf(cause);
    if (code !== 'EISDIR' && code !== 'ENOTDIR' && code !== 'ENOENT') throw notGiven(owner, cause);
    const message = `"${owner.user}" (uid ${owner.uid}) keeps the broker from "${path}": ${code}`;
    throw new BrokerError('ERR_BROKER_VMM_DIRECTORY', message, { cause });
  }
}

function notGiven({ user, uid }: VmmOwner, cause: unknown): BrokerError {
  const message = `cannot make sockets for the user "${user}" (uid ${uid}): ${codeOf(cause)}; run the broker as root, or give it CAP_CHOWN and CAP_DAC_OVERRIDE`;
  return new BrokerError('ERR_BROKER_VMM_OWNER', message, { cause });
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}
