/** `raw-relay`: the least a broker process in Node can do, as the ceiling that the others are seen under. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Arm, endpointValue, type RunningServer, type SenderLink } from './arm.ts';
import { FRAME_KIND, FrameWriter, frameSplitter } from './relay-frames.ts';
import { startRoleServer } from './server-process.ts';

/** How long a server may take to listen for its second client. */
const CONNECT_TIMEOUT_MS = 5_000;
const CONNECT_POLL_MS = 10;

/** The two clients of a pipe that changes nothing. */
export const relayClients: Pick<Arm, 'openSender' | 'openReceiver'> = {
  async openSender(endpoint): Promise<SenderLink> {
    const socket = await open(endpointValue(endpoint, 'sender'));
    const writer = new FrameWriter(socket);
    let onReply: () => void = () => {};
    socket.on(
      'data',
      frameSplitter(() => onReply()),
    );
    return {
      send: (payload) => writer.write(FRAME_KIND.data, payload),
      settle: () => writer.drained(),
      request: (payload) =>
        new Promise((resolve) => {
          onReply = resolve;
          writer.write(FRAME_KIND.request, payload);
        }),
    };
  },

  async openReceiver(endpoint, onMessage): Promise<void> {
    const socket = await open(endpointValue(endpoint, 'receiver'));
    const writer = new FrameWriter(socket);
    socket.on(
      'data',
      frameSplitter((kind, payload) => {
        if (kind === FRAME_KIND.data) onMessage(payload);
        else writer.write(FRAME_KIND.reply, payload);
      }),
    );
  },
};

export const rawRelay: Arm = {
  ...relayClients,
  missing: async () => null,

  async start(folder): Promise<RunningServer> {
    const endpoint = { sender: join(folder, 's.sock'), receiver: join(folder, 'r.sock') };
    const server = await startRoleServer('relay.ts', endpoint);
    return { pids: [server.pid], endpoint, stop: server.stop };
  },
};

async function open(path: string): Promise<Socket> {
  for (const until = Date.now() + CONNECT_TIMEOUT_MS; ; ) {
    const socket = createConnection(path);
    try {
      await once(socket, 'connect');
      socket.on('error', () => socket.destroy());
      return socket;
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(CONNECT_POLL_MS);
    }
  }
}
