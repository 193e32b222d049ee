/** A listening unix socket for one vchan: its user's alone, and one peer at a time. */
import { unlink } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { listenPrivately } from '../../../../broker/files/index.ts';

export interface Listening {
  /** Hangs up on the peer, stops listening and removes the file. */
  close(): Promise<void>;
}

/** A file of an earlier process is replaced. Each newer peer replaces the older one, before `onPeer` gets it. */
export async function listenAtVchan(path: string, onPeer: (socket: Socket) => void): Promise<Listening> {
  let peer: Socket | null = null;
  const server = createServer((socket) => {
    peer?.destroy(); // the older one
    peer = socket;
    socket.on('error', () => {}); // the close event follows and is handled
    onPeer(socket);
  });
  await unlink(path).catch(() => {});
  await listenPrivately(server, path);
  return {
    close: () => {
      peer?.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
