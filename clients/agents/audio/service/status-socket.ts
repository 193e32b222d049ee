/** The service's status on a unix socket of the AudioVM: each client gets one JSON object. */
import { unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { listenPrivately } from '../../../../broker/files/index.ts';
import { AudioError } from '../errors.ts';
import type { ServiceStatus } from './status.ts';

export async function serveStatus(path: string, status: () => ServiceStatus): Promise<() => Promise<void>> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {}); // the client did not wait for the answer
    socket.end(`${JSON.stringify(status())}\n`);
  });
  await unlink(path).catch(() => {}); // a stale one; of two services the broker lets only one run
  await listenPrivately(server, path);
  return () => new Promise((resolve) => server.close(() => resolve()));
}

/** @throws AudioError ERR_AUDIO_SERVICE_NOT_RUNNING */
export function readStatus(path: string): Promise<ServiceStatus> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const fail = (cause: unknown): void => {
      reject(new AudioError('ERR_AUDIO_SERVICE_NOT_RUNNING', `no audio service answers at "${path}"`, { cause }));
    };
    const socket = connect(path);
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('error', fail);
    socket.once('end', () => {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as ServiceStatus);
      } catch (cause) {
        fail(cause);
      }
    });
  });
}
