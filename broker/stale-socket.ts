/** Making way for a socket of our own: one that nobody serves any more is removed, anything else stays and is an error. */
import { lstatSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { BrokerError } from './errors.ts';

/** @throws BrokerError ERR_BROKER_SOCKET_PATH (no socket), ERR_BROKER_SOCKET_BUSY (served) */
export async function removeStaleSocket(path: string): Promise<void> {
  // Not followed: a link that leads nowhere is in the way as well.
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
