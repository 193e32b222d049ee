/**
 * Carriers that the broker opens itself, because the virtual machine's monitor is the one that listens: QEMU's
 * `-chardev socket,server=on`, and the host's side of vsock in Firecracker and Cloud Hypervisor, where a line
 * `CONNECT PORT` is answered by `OK PORT_OF_THE_HOST` once the guest has accepted.
 *
 * It dials again when a carrier ends, and as long as nobody listens: machines come and go while the broker stays.
 */

import { connect, type Socket } from 'node:net';
import { DIAL_AGAIN_MS, VSOCK_ANSWER_MS } from '../limits.ts';
import { asItIs } from './adopt.ts';
import type { Accept } from './listen.ts';
import { SocketCarrier } from './socket.ts';

/** `OK 4294967295\n`, and no more: whoever answers something longer is no vsock socket. */
const MAX_ANSWER_BYTES = 32;
const LINE_FEED = 0x0a;

export interface DialTarget {
  readonly path: string;
  /** null: the socket is the guest's port already. */
  readonly vsockPort: number | null;
  readonly domain: string;
  readonly tellsOfRestart: boolean;
}

export interface Dialer {
  /** Dials no more; a carrier that was handed over lives on until its session ends. */
  close(): void;
}

export function dialUnix(target: DialTarget, accept: Accept): Dialer {
  const { path, vsockPort, domain, tellsOfRestart } = target;
  const name = vsockPort === null ? `unix:${path}` : `unix:${path}:${vsockPort}`;
  let timer: NodeJS.Timeout | null = null;
  let opening: Socket | null = null;
  let isClosed = false;

  const again = (): void => {
    if (!isClosed) timer = setTimeout(dial, DIAL_AGAIN_MS);
  };
  const dial = (): void => {
    const socket = connect({ path });
    opening = socket;
    // 'close' follows and dials again; that nobody listens yet is the usual case and no fault.
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
    // What follows the line is the guest's.
    const rest = answer.subarray(end + 1);
    onOpen();
    if (rest.length > 0) socket.unshift(rest);
    socket.resume();
  };
  socket.on('data', onData);
}
