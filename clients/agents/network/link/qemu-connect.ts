/**
 * Attaches a link to a VM's NIC where QEMU listens: `-netdev stream,server=on,addr.type=unix,addr.path=…`.
 *
 * QEMU 7.2 does not connect again by itself, so with `server=off` the NIC of a running machine is dead after a restart of
 * the agent. With `server=on` QEMU accepts one connection after another, on every version: this side connects again after
 * each loss, whichever of the two was restarted.
 */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { QEMU_RETRY_MS } from '../limits.ts';
import { Attachment } from './attachment.ts';

/** Runs a task once, after so many milliseconds; the result cancels it. */
type Schedule = (delayMs: number, task: () => void) => () => void;

export interface QemuConnection {
  close(): void;
}

export interface QemuConnectionOptions {
  readonly path: string;
  readonly onFrame: (frame: Uint8Array) => void;
  readonly onAttached: (attachment: Attachment) => void;
  readonly onDetached: () => void;
  readonly schedule?: Schedule;
  /** A stream that emits `connect`, or `error`. */
  readonly dial?: (path: string) => Duplex;
}

const scheduleNode: Schedule = (milliseconds, task) => {
  const timer = setTimeout(task, milliseconds);
  return () => clearTimeout(timer);
};

/** Connects now and after each loss, until it is closed. */
export function connectQemu(options: QemuConnectionOptions): QemuConnection {
  const { path, onFrame, onAttached, onDetached, schedule = scheduleNode, dial = connect } = options;
  let isClosed = false;
  let cancel: (() => void) | null = null;
  let current: Duplex | null = null;
  const again = (): void => {
    if (!isClosed) cancel = schedule(QEMU_RETRY_MS, attempt);
  };
  const attempt = (): void => {
    const socket = dial(path);
    current = socket;
    socket.once('error', again);
    socket.once('connect', () => {
      socket.off('error', again);
      onAttached(
        new Attachment(socket, socket, onFrame, () => {
          onDetached();
          again();
        }),
      );
    });
  };
  attempt();
  return {
    close: () => {
      isClosed = true;
      cancel?.();
      current?.destroy();
    },
  };
}
