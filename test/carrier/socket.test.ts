/** A socket carrier tells what it keeps of what was written: the kernel takes some, and this process has the rest. */
import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { adopt } from '../../broker/carrier/adopt.ts';
import { SocketCarrier } from '../../broker/carrier/socket.ts';
import { temporaryDirectory } from '../support/temp.ts';

/** Far more than the kernel keeps for a socket. */
const BYTES = 8 * 1024 * 1024;

const sockets = suite('socket carrier');

sockets('what the kernel has not taken is held, until the other end reads', async () => {
  const path = join(temporaryDirectory(), 'domain.sock');
  const server = createServer({ pauseOnConnect: true }).listen(path);
  await once(server, 'listening');
  const other = dial(path);
  const [accepted] = (await once(server, 'connection')) as [Socket];
  const carrier = new SocketCarrier(adopt(accepted), `unix:${path}`, 'domain');
  const drained = new Promise<void>((resolve) => {
    carrier.open({ onChunk: () => {}, onDrain: resolve, onClosed: () => {} });
  });
  assert.is(carrier.heldBytes, 0);
  assert.not(carrier.write([new Uint8Array(BYTES)]));
  assert.ok(carrier.heldBytes > BYTES / 4, `${carrier.heldBytes}`);
  assert.is(carrier.unsentBytes, carrier.heldBytes);
  other.resume();
  await drained;
  assert.is(carrier.heldBytes, 0);
  carrier.destroy();
  other.destroy();
  server.close();
});

sockets.run();
