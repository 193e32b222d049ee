/** Carriers over node:net: unix and TCP sockets. */
import { connect, type NetConnectOpts } from 'node:net';
import { writeLent } from '../../../broker/base/index.ts';
import { CONGESTED_BYTES, READ_BUFFER_BYTES } from '../limits.ts';
import type { CarrierEvents, ClientCarrier } from './carrier.ts';

export function openSocket(
  address: NetConnectOpts,
  events: CarrierEvents,
  signal: AbortSignal,
): Promise<ClientCarrier> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    // One buffer for all reads of this socket: a new 64 KiB per read would be half the cost of receiving.
    const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
    const socket = connect({
      ...address,
      onread: {
        buffer,
        callback: (length) => {
          events.onBytes(buffer.subarray(0, length));
          return true;
        },
      },
    });
    let isOpen = false;
    let failure: Error | null = null;
    const abort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.on('error', (error) => {
      failure = error;
      signal.removeEventListener('abort', abort);
      if (!isOpen) reject(error);
    });
    socket.on('drain', () => events.onDrain());
    socket.on('close', () => {
      signal.removeEventListener('abort', abort);
      if (isOpen) events.onClose(failure);
    });
    socket.once('connect', () => {
      isOpen = true;
      signal.removeEventListener('abort', abort);
      resolve({
        get isCongested() {
          return socket.writableLength >= CONGESTED_BYTES;
        },
        // Where it is not writable any more, onClose tells.
        write: (record, onWritten) => void writeLent(socket, [record], 0, onWritten ?? null),
        end() {
          socket.end();
          socket.unref(); // pending bytes are still written, but the process does not wait for the other end to close
        },
        destroy: () => void socket.destroy(),
      });
    });
  });
}
