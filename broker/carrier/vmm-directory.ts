/**
 * Directories that belong to the users of VMMs: RUNTIME/NAME/ is NAME's (0700), and so is the broker's socket in it (0600).
 * The VMM of one domain reaches its own socket and no other's, and may keep sockets of its own beside it (QEMU with
 * server=on, Firecracker).
 *
 * That user is not trusted, and the broker may be root: whoever owns a directory can put links to anybody's files in it, at
 * any moment. Therefore
 *
 *   - RUNTIME can be written by the broker alone (prepareRuntime), so RUNTIME/NAME is always what the broker has put there;
 *   - a socket is bound, and given its mode and its owner, in RUNTIME/.making, where nobody else can look;
 *   - in a directory that was given away the broker does two things by name: rename(2) puts the finished socket there,
 *     unlink(2) takes it away. Neither follows a link in the last part of a path, and the parts before it are the broker's.
 *     It changes the mode or owner of nothing there, and asks nobody there whether he serves.
 *
 * What the user can still do is spoil his own domain's way in; that is reported, and stops nobody else's.
 */
import { lchown, lstat, mkdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokerError } from '../process/index.ts';
import { vmmDirectory } from './declared.ts';

/** Known by its uid; `user` is what the inventory calls it. */
export interface VmmOwner {
  readonly uid: number;
  readonly user: string | number;
}

const MAKING = '.making';
const KEEP_GROUP = -1;

/** Where a domain's socket is bound before it is handed over. No longer than the place it goes to. */
export function makingPath(runtime: string, domain: string): string {
  return join(runtime, MAKING, domain);
}

/**
 * Makes a directory, gives it to that user and writes into it: exactly what will be needed, where it disturbs nobody.
 *
 * @throws BrokerError ERR_BROKER_VMM_OWNER
 */
export async function tryOwner(runtime: string, owner: VmmOwner): Promise<void> {
  const trial = join(runtime, MAKING, `.${owner.uid}`);
  await mkdir(join(runtime, MAKING), { mode: 0o700, recursive: true });
  try {
    await rmdir(join(trial, 'inner')).catch(() => {}); // a run that was killed here
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

/** Makes RUNTIME/NAME for its owner, or finds it. @throws BrokerError ERR_BROKER_VMM_DIRECTORY, ERR_BROKER_VMM_OWNER */
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

/** An empty one goes. What its former owner keeps in it is not ours to remove: he may be running. */
async function removeForeign(directory: string, owner: VmmOwner): Promise<void> {
  try {
    await rmdir(directory);
  } catch (cause) {
    const message = `"${directory}" is not the empty directory of "${owner.user}" (uid ${owner.uid}): stop the VMM that used it, and remove it`;
    throw new BrokerError('ERR_BROKER_VMM_DIRECTORY', message, { cause });
  }
}

/** Stays when its owner keeps something there. */
export async function closeDirectory(runtime: string, domain: string): Promise<void> {
  await rmdir(vmmDirectory(runtime, domain)).catch(() => {});
}

/** Gives a finished socket away. @throws BrokerError ERR_BROKER_VMM_DIRECTORY, ERR_BROKER_VMM_OWNER */
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
