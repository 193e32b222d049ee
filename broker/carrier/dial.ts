/**
 * Carriers that the broker opens itself, because the virtual machine's monitor listens: QEMU's `-chardev
 * socket,server=on`, and the host's side of vsock in Firecracker and Cloud Hypervisor. There, the broker sends a line
 * `CONNECT PORT`, and gets `OK PORT_OF_THE_HOST` once the guest has accepted.
 *
 * The broker dials again when a carrier ends, and while no VMM listens, because machines start and stop at any time.
 */

import { connect, type Socket } from 'node:net';
import { BrokerError, DIAL_AGAIN_MS, VSOCK_ANSWER_MS } from '../process/index.ts';
import { asItIs } from './adopt.ts';
import type { Accept } from './listen.ts';
import { type OwnedSocket, openOwnedSocket } from './owned-socket.ts';
import { SocketCarrier } from './socket.ts';
import type { VmmOwner } from './vmm-directory.ts';

/** Bytes, enough for `OK 4294967295\n`. A socket that sends a longer answer is not a vsock socket. */
const MAX_ANSWER_BYTES = 32;
const LINE_FEED = 0x0a;

export interface DialTarget {
  readonly path: string;
  /** null: the socket is already the guest's port. */
  readonly vsockPort: number | null;
  readonly domain: string;
  readonly tellsOfRestart: boolean;
  /** The user that must own the socket; null accepts any owner. */
  readonly owner: VmmOwner | null;
}

export interface Dialer {
  /** Stops dialling. A carrier that was already passed to `accept` stays open until its session ends. */
  close(): void;
}

/** `onForeign`: the entry at the path is not the VMM's own socket. Reported once each time that it appears. */
export function dialUnix(target: DialTarget, accept: Accept, onForeign: (error: BrokerError) => void): Dialer {
  const { path, vsockPort, domain, tellsOfRestart, owner } = target;
  const name = vsockPort === null ? `unix:${path}` : `unix:${path}:${vsockPort}`;
  let timer: NodeJS.Timeout | null = null;
  let opening: Socket | null = null;
  let isClosed = false;
  let isForeign = false;

  const again = (): void => {
    if (!isClosed) timer = setTimeout(dial, DIAL_AGAIN_MS);
  };
  const find = (): OwnedSocket | null => {
    if (owner === null) return { path, done: () => {} };
    try {
      const found = openOwnedSocket(path, owner.uid);
      if (found === null && !isForeign) onForeign(notItsOwn(path, owner));
      isForeign = found === null;
      return found;
    } catch {
      isForeign = false;
      return null; // no VMM listens yet
    }
  };
  const dial = (): void => {
    const found = find();
    if (found === null) {
      again();
      return;
    }
    const socket = connect({ path: found.path });
    opening = socket;
    socket.once('connect', found.done);
    socket.once('close', found.done);
    // 'close' follows and dials again. Often no VMM listens yet, which is not an error.
    socket.on('error', () => {});
    socket.once('close', again);
    const handOver = (): void => {
      opening = null;
      accept(new SocketCarrier(asItIs(socket), name, domain, tellsOfRestart), () => {});
    };
    socket.once('connect', () => {
      if (vsockPort === null) handOver();
      else askForPort(socket, vsockPort, handOver);
    });
  };
  dial();
  return {
    close() {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      opening?.destroy();
    },
  };
}

function notItsOwn(path: string, { user, uid }: VmmOwner): BrokerError {
  const message = `"${path}" is not a socket of "${user}" (uid ${uid}), who runs this domain's VMM`;
  return new BrokerError('ERR_BROKER_VMM_DIRECTORY', message);
}

function askForPort(socket: Socket, port: number, onOpen: () => void): void {
  const timer = setTimeout(() => socket.destroy(), VSOCK_ANSWER_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.write(`CONNECT ${port}\n`);
  let answer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    answer = Buffer.concat([answer, chunk]);
    const end = answer.indexOf(LINE_FEED);
    if (end < 0 && answer.length <= MAX_ANSWER_BYTES) return;
    socket.removeListener('data', onData);
    socket.pause();
    clearTimeout(timer);
    if (end < 0 || end > MAX_ANSWER_BYTES || !/^OK \d{1,10}$/.test(answer.toString('latin1', 0, end))) {
      socket.destroy();
      return;
    }
    // The bytes after the line are from the guest.
    const rest = answer.subarray(end + 1);
    onOpen();
    if (rest.length > 0) socket.unshift(rest);
    socket.resume();
  };
  socket.on('data', onData);
}
