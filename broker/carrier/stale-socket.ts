/** Frees the path for the broker's own socket: removes a stale socket. Any other file stays and is an error. */
import { lstatSync, statSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { BrokerError } from '../process/index.ts';

const GROUP_OR_OTHERS_MAY_WRITE = 0o022;
const STICKY = 0o1000;

/** @throws BrokerError ERR_BROKER_SOCKET_PATH (no socket), ERR_BROKER_SOCKET_BUSY (served) */
export async function removeStaleSocket(path: string): Promise<void> {
  // lstat, because a dangling link would block the path too.
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new BrokerError('ERR_BROKER_SOCKET_PATH', `"${path}" exists and is not a socket; move it away`);
  }
  if (await isServed(path)) {
    throw new BrokerError('ERR_BROKER_SOCKET_BUSY', `"${path}" is in use: another broker runs here; stop it first`);
  }
  await unlink(path);
}

/**
 * A user with write access to the directory could replace a socket there, or redirect operations on its name to another
 * file.
 *
 * @throws BrokerError ERR_BROKER_SOCKET_PATH
 */
export function refuseOthersDirectory(directory: string): void {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found === undefined) return; // listening says so
  const isOurs = found.uid === 0 || found.uid === process.geteuid?.();
  const isClosed = (found.mode & GROUP_OR_OTHERS_MAY_WRITE) === 0 || (found.mode & STICKY) !== 0;
  if (isOurs && isClosed) return;
  throw new BrokerError(
    'ERR_BROKER_SOCKET_PATH',
    `directory "${directory}" can be written by others than the broker; for a VMM that runs as another user name it in domains.yaml ("vmm:")`,
  );
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
