/**
 * One writer per directory: a socket named LOCK on which the writer listens. An edge.
 *
 * The kernel closes the socket when its process ends, in any way. So a connection attempt shows whether a writer lives.
 * That also works from another pid or network namespace (two containers on one volume), where a process number would
 * mean another process or none. A LOCK without a listener is stale, and so is a LOCK that is not a socket.
 */
import { randomUUID } from 'node:crypto';
import { lstat, open, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { AuditError } from '../errors.ts';

const LOCK_NAME = 'LOCK';
/** Stands for a holder that does not give its name. */
const UNNAMED = 'another process';
/** The time that a live process has to send its name. */
const HOLDER_ANSWER_MS = 500;
const MAX_HOLDER_CHARACTERS = 40;
/**
 * sockaddr_un has room for 107 bytes, and the names in the directory need up to 15. A directory with a longer path is
 * addressed by its descriptor.
 */
const MAX_DIRECTORY_BYTES = 90;

/** Throws ERR_AUDIT_LOCKED; the result unlocks. */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const { path, release } = await shortPath(directory);
  try {
    const holder = await holderOf(join(path, LOCK_NAME));
    if (holder !== null) throw lockedError(directory, holder);
    await clearStale(directory, path);
    const server = await listen(join(path, LOCK_NAME));
    if (server === null) throw lockedError(directory, UNNAMED);
    // Closing removes the socket's file, by the path that it was made with.
    return () => new Promise<void>((resolve) => server.close(() => resolve())).then(release);
  } catch (error) {
    await release();
    throw error;
  }
}

/** Is there a live process that holds the lock? */
export async function isLocked(directory: string): Promise<boolean> {
  const { path, release } = await shortPath(directory);
  try {
    return (await holderOf(join(path, LOCK_NAME))) !== null;
  } finally {
    await release();
  }
}

/**
 * Removes a stale lock. Two processes may both find it stale, and one of them may already hold a new lock at this path.
 * So the file is moved aside first, and checked again there before it is removed.
 */
async function clearStale(directory: string, short: string): Promise<void> {
  const aside = join(short, `.lock-${randomUUID().slice(0, 8)}`);
  try {
    await rename(join(short, LOCK_NAME), aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  const holder = await holderOf(aside);
  if (holder !== null) {
    await rename(aside, join(short, LOCK_NAME));
    throw lockedError(directory, holder);
  }
  await rm(aside, { recursive: true, force: true });
}

/** Null: another process was faster. */
function listen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on('error', () => undefined).end(`process ${process.pid}`));
    server.once('error', (error) => (isCode(error, 'EADDRINUSE') ? resolve(null) : reject(error)));
    server.listen({ path, readableAll: false, writableAll: false }, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** The name that the listening process gives itself. Null if no process listens. */
async function holderOf(path: string): Promise<string | null> {
  try {
    // Do not open a FIFO or a device at all: opening can block.
    if (!(await lstat(path)).isSocket()) return null;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(path);
    const finish = (holder: string | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(holder);
    };
    // A stopped process (SIGSTOP) does not answer, but still holds the lock.
    const timer = setTimeout(() => finish(UNNAMED), HOLDER_ANSWER_MS);
    socket.on('data', (bytes) => {
      said = (said + bytes.toString()).slice(0, MAX_HOLDER_CHARACTERS);
    });
    socket.once('end', () => finish(/^process \d+$/.test(said) ? said : UNNAMED));
    // EAGAIN: the backlog of a listener is full. EACCES: we may not connect. Any other error: no process listens.
    socket.once('error', (error) => finish(isCode(error, 'EAGAIN') || isCode(error, 'EACCES') ? UNNAMED : null));
  });
}

/** A path of the directory that fits into a socket address. It is valid until it is released. */
async function shortPath(directory: string): Promise<{ path: string; release: () => Promise<void> }> {
  if (Buffer.byteLength(directory) <= MAX_DIRECTORY_BYTES) return { path: directory, release: async () => undefined };
  const handle = await open(directory);
  return { path: `/proc/self/fd/${handle.fd}`, release: () => handle.close() };
}

function lockedError(directory: string, holder: string): AuditError {
  return new AuditError(
    'ERR_AUDIT_LOCKED',
    `audit directory "${directory}" is being written by ${holder}; stop it first`,
  );
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
