/**
 * One writer per directory: a lock file that names its process. An edge.
 *
 * The file appears by `link`, whole or not at all. A lock whose process is gone is stale. A pid alone would not do: after
 * a restart of the host or of a container the same number is somebody else, or us; so the process's start time counts too.
 */
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditError } from './errors.ts';

const LOCK_NAME = 'LOCK';

interface Holder {
  readonly pid: number;
  /** Host boot and process start as Linux tells them; null elsewhere. */
  readonly started: string | null;
}

/** Directories that this process holds: a second writer in the same process has the same pid and start time. */
const heldHere = new Set<string>();

/** Throws ERR_AUDIT_LOCKED; the result unlocks. */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, LOCK_NAME);
  const mine = join(directory, `.lock-${randomUUID()}`);
  const holder: Holder = { pid: process.pid, started: await startOf(process.pid) };
  await writeFile(mine, JSON.stringify(holder), { mode: 0o600, flag: 'wx' });
  try {
    await clearStale(directory, path);
    await link(mine, path);
    heldHere.add(directory);
  } catch (error) {
    if (isCode(error, 'EEXIST')) throw lockedError(directory, await readHolder(path));
    throw error;
  } finally {
    await unlink(mine);
  }
  return async () => {
    heldHere.delete(directory);
    await unlink(path).catch((error: unknown) => {
      if (!isCode(error, 'ENOENT')) throw error;
    });
  };
}

/** Is there a live process that holds the lock? */
export async function isLocked(directory: string): Promise<boolean> {
  const holder = await readHolder(join(directory, LOCK_NAME));
  return holder !== null && (await isAlive(directory, holder));
}

async function clearStale(directory: string, path: string): Promise<void> {
  const holder = await readHolder(path);
  if (holder === null) return;
  if (await isAlive(directory, holder)) throw lockedError(directory, holder);
  // Two starters may both have found it stale; only what was judged may be taken away, so look at what was moved.
  const aside = join(directory, `.lock-${randomUUID()}`);
  await rename(path, aside).catch((error: unknown) => {
    if (!isCode(error, 'ENOENT')) throw error;
  });
  const moved = await readHolder(aside);
  if (moved !== null && (await isAlive(directory, moved))) await link(aside, path);
  await unlink(aside).catch((error: unknown) => {
    if (!isCode(error, 'ENOENT')) throw error;
  });
}

async function isAlive(directory: string, holder: Holder): Promise<boolean> {
  if (holder.pid === process.pid) return heldHere.has(directory);
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false;
  }
  const started = await startOf(holder.pid);
  return holder.started === null || started === null || started === holder.started;
}

async function startOf(pid: number): Promise<string | null> {
  try {
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // proc(5): field 22, counted after the name, which may hold spaces and brackets.
    return `${boot}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return null;
  }
}

/** Null if there is no lock; what is not readable as one is held by nobody we could name, and so by pid 0: stale. */
async function readHolder(path: string): Promise<Holder | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
  try {
    const { pid, started } = JSON.parse(text) as { pid?: unknown; started?: unknown };
    if (typeof pid === 'number' && pid > 0) return { pid, started: typeof started === 'string' ? started : null };
  } catch {
    // Fall through: not JSON.
  }
  throw new AuditError('ERR_AUDIT_LOCKED', `"${path}" is not a lock of this program; remove it if no broker runs`);
}

function lockedError(directory: string, holder: Holder | null): AuditError {
  const who = holder === null ? 'another process' : `process ${holder.pid}`;
  return new AuditError('ERR_AUDIT_LOCKED', `audit directory "${directory}" is being written by ${who}; stop it first`);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
