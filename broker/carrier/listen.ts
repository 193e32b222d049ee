/**
 * Sockets that the broker listens on: one unix socket per domain, which only that domain may use, and TCP on request.
 *
 * An unauthenticated carrier costs memory and signature checks. So each listener admits only a few at a time, and the
 * place of a refused handshake stays taken for a while. This limits the rate at which a stranger can cause work and
 * audit records.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { makePrivately } from '../files/index.ts';
import {
  BrokerError,
  MAX_UNAUTHENTICATED_TCP,
  MAX_UNAUTHENTICATED_UNIX,
  MAX_UNIX_PATH_BYTES,
  REFUSED_PLACE_MS,
} from '../process/index.ts';
import { adopt } from './adopt.ts';
import type { Carrier } from './carrier.ts';
import { type DescriptorReserve, ownReserve } from './descriptor-reserve.ts';
import { Places, type Release } from './places.ts';
import { SocketCarrier } from './socket.ts';
import { refuseOthersDirectory, removeStaleSocket } from './stale-socket.ts';
import { handOver, type VmmOwner } from './vmm-directory.ts';

export interface Listener {
  /** `unix:/run/argus/chrome-vm.sock` or `tcp:127.0.0.1:7100`, as a client would name it. */
  readonly address: string;
  close(): void;
}

/** Takes over an unauthenticated carrier. Call `release` when it is authenticated, refused or gone. */
export type Accept = (carrier: Carrier, release: Release) => void;

export interface UnixPlace {
  readonly path: string;
  readonly domain: string;
  readonly tellsOfRestart: boolean;
  /** The new owner, and the path where the socket is made first. Null: the broker keeps it, and makes it in place. */
  readonly handedOver: { readonly to: VmmOwner; readonly making: string } | null;
}

/** Listens for one domain. Replaces a stale socket. A socket that another process serves is an error. */
export async function listenUnix(place: UnixPlace, accept: Accept, reserve = ownReserve()): Promise<Listener> {
  const { path, domain, tellsOfRestart, handedOver } = place;
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES) {
    throw new BrokerError(
      'ERR_BROKER_SOCKET_PATH',
      `socket path is longer than ${MAX_UNIX_PATH_BYTES} bytes: "${path}"; choose a shorter runtime directory`,
    );
  }
  const made = handedOver?.making ?? path;
  refuseOthersDirectory(dirname(made));
  await removeStaleSocket(made);
  const address = `unix:${path}`;
  const admission = { places: new Places(MAX_UNAUTHENTICATED_UNIX, REFUSED_PLACE_MS), reserve };
  const server = createServer({ pauseOnConnect: true });
  admit(server, admission, accept, (socket) => new SocketCarrier(adopt(socket), address, domain, tellsOfRestart));
  await listening(server, () => makePrivately(() => server.listen(made)), `"${path}"`);
  try {
    if (handedOver !== null) await handOver(made, path, handedOver.to);
  } catch (error) {
    server.close();
    throw error;
  }
  return listenerOf(server, address);
}

/** Listens on a TCP address, which any domain of the inventory may use. Port 0 picks a free one. */
export async function listenTcp(host: string, port: number, accept: Accept): Promise<Listener> {
  const admission = { places: new Places(MAX_UNAUTHENTICATED_TCP, REFUSED_PLACE_MS), reserve: ownReserve() };
  const server = createServer({ pauseOnConnect: true, noDelay: true });
  admit(server, admission, accept, (socket) => {
    const name = `tcp:${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`; // asked before the socket is taken apart
    return new SocketCarrier(adopt(socket), name, null);
  });
  await listening(server, () => server.listen(port, host), `tcp ${host}:${port}`);
  const bound = server.address();
  const actual = bound !== null && typeof bound === 'object' ? bound.port : port;
  return listenerOf(server, `tcp:${host.includes(':') ? `[${host}]` : host}:${actual}`);
}

/** What a new carrier needs. */
interface Admission {
  readonly places: Places;
  readonly reserve: DescriptorReserve;
}

/**
 * Passes on each connection that finds a place. Call it before the server listens: a connection that comes earlier has
 * no owner, and its VMM takes it for one to a broker that says nothing.
 */
function admit(
  server: Server,
  { places, reserve }: Admission,
  accept: Accept,
  wrap: (socket: Socket) => Carrier,
): void {
  server.on('connection', (socket) => {
    const release = reserve.leaves(socket) ? places.take() : null;
    if (release === null) socket.destroy();
    else accept(wrap(socket), release);
  });
}

function listenerOf(server: Server, address: string): Listener {
  // `close` stops listening at once. Accepted carriers stay open until their sessions end.
  return { address, close: () => void server.close() };
}

function listening(server: Server, start: () => void, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Never removed: a later failed accept (no descriptors left) also comes here, and must not be an uncaught
    // exception.
    server.on('error', (cause: NodeJS.ErrnoException) => {
      const hint = cause.code === 'EADDRINUSE' ? 'something else listens there' : (cause.code ?? cause.message);
      reject(new BrokerError('ERR_BROKER_LISTEN', `cannot listen on ${where}: ${hint}`, { cause }));
    });
    server.once('listening', resolve);
    start();
  });
}
