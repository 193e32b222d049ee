/** TCP at the two ends of streams: programs that connect here, and the program that a listener stands for. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type HostPort, reasonOf } from '../../../../broker/base/index.ts';
import { NetError } from '../errors.ts';

/** Sockets are handed out paused, and their two directions end by themselves. @throws NetError ERR_NET_SOCKET */
export function listenTcp({ host, port }: HostPort, onSocket: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onSocket);
    server.once('error', (error) =>
      reject(new NetError('ERR_NET_SOCKET', `cannot listen at ${host}:${port}: ${reasonOf(error)}`, error)),
    );
    server.listen({ host, port }, () => resolve(server));
  });
}

/** @throws NetError ERR_NET_SOCKET */
export function dialTcp({ host, port }: HostPort, timeoutMs: number): Promise<Socket> {
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
