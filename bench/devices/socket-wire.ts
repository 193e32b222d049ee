/**
 * The unprotected ways: a unix socket between two guests, as a stream, or with frames behind their length as QEMU's
 * `-netdev stream` and `-netdev socket` send them.
 */
import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Wire, WireEvents, WireSetup } from './wire.ts';

const LENGTH_BYTES = 4;
const DIAL_AGAIN_MS = 20;

export async function openSocketWire({ kind, socket: path, place }: WireSetup, events: WireEvents): Promise<Wire> {
  const socket = place === 0 ? await dialled(path) : await accepted(path);
  const isFramed = kind === 'frames';
  let kept = Buffer.alloc(0);
  socket.on('drain', () => events.onRoom());
  socket.on('data', (part: Buffer) => {
    if (!isFramed) {
      events.onBytes(part.length);
      return;
    }
    let bytes = kept.length === 0 ? part : Buffer.concat([kept, part]);
    while (bytes.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + bytes.readUInt32BE(0);
      if (bytes.length < end) break;
      events.onBytes(end - LENGTH_BYTES);
      bytes = bytes.subarray(end);
    }
    kept = Buffer.from(bytes);
  });
  return {
    send: (bytes) => {
      if (socket.writableNeedDrain) return false;
      const message = Buffer.alloc((isFramed ? LENGTH_BYTES : 0) + bytes, 120);
      if (isFramed) message.writeUInt32BE(bytes);
      socket.write(message);
      return true;
    },
    flush: () => {},
    close: () => socket.destroy(),
  };
}

async function dialled(path: string): Promise<Socket> {
  for (;;) {
    const socket = dial(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      await sleep(DIAL_AGAIN_MS); // the other guest does not listen yet
    }
  }
}

async function accepted(path: string): Promise<Socket> {
  const server = createServer();
  server.listen(path);
  const [socket] = (await once(server, 'connection')) as [Socket];
  server.close();
  return socket;
}
