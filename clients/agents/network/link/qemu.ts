/**
 * Attaches a link to a VM's NIC by the unix socket of QEMU's `-netdev stream,server=off,addr.type=unix,addr.path=…`:
 * unprivileged, on the host, and without software in the guest. The socket's owner decides who may be the VM, so it is
 * made for this user alone, and one program at a time may hold it.
 */
import { unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { reasonOf } from '../../../../broker/base/index.ts';
import { listenPrivately } from '../../../../broker/files/index.ts';
import { NetError } from '../errors.ts';
import { Attachment } from './attachment.ts';

export interface QemuSocket {
  close(): Promise<void>;
}

/** Calls `onAttached` for each program that connects while no other one is there. @throws NetError ERR_NET_SOCKET */
export async function listenQemu(
  path: string,
  onFrame: (frame: Uint8Array) => void,
  onAttached: (attachment: Attachment) => void,
  onDetached: (error: Error | null) => void,
): Promise<QemuSocket> {
  let current: Attachment | null = null;
  const server = createServer((socket: Socket) => {
    if (current !== null) {
      socket.destroy();
      return;
    }
    current = new Attachment(socket, socket, onFrame, (error) => {
      current = null;
      onDetached(error);
    });
    onAttached(current);
  });
  await listen(server, path);
  return {
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      current?.close();
      return closed;
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listenPrivately(server, path);
    } catch (error) {
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (attempt === 1 && isTaken && !(await isAnswered(path))) {
        await unlink(path); // left by a process that was killed
        continue;
      }
      const reason = reasonOf(error);
      throw new NetError('ERR_NET_SOCKET', `cannot listen at "${path}": ${reason}`, error);
    }
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
