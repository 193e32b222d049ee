/** TCP at the two ends of streams: programs that connect here, and the program that a listener stands for. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { reasonOf } from '../../../../broker/base/index.ts';
import { NetError } from '../errors.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const HOST_PORT = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):(\d{1,5})$/;

/** `127.0.0.1:8080`, `[::1]:8080` or `name:8080`; null for anything else. */
export function parseEndpoint(text: string): Endpoint | null {
  const [, host = '', port = ''] = HOST_PORT.exec(text) ?? [];
  return host === '' || Number(port) > 65_535 ? null : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** Sockets are handed out paused, and their two directions end by themselves. @throws NetError ERR_NET_SOCKET */
export function listenTcp({ host, port }: Endpoint, onSocket: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onSocket);
    server.once('error', (error) =>
      reject(new NetError('ERR_NET_SOCKET', `cannot listen at ${host}:${port}: ${reasonOf(error)}`, error)),
    );
    server.listen({ host, port }, () => resolve(server));
  });
}

/** @throws NetError ERR_NET_SOCKET */
export function dialTcp({ host, port }: Endpoint, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    const fail = (reason: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new NetError('ERR_NET_SOCKET', `cannot connect to ${host}:${port}: ${reason}`));
    };
    const timer = setTimeout(() => fail('no answer in time'), timeoutMs);
    const onError = (error: Error): void => fail(reasonOf(error));
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      socket.pause();
      resolve(socket);
    });
  });
}
