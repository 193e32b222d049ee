/** Carriers over node:net: unix and TCP sockets. */
import { connect, type NetConnectOpts } from 'node:net';
import { release } from '../../../keys/index.ts';
import { CONGESTED_BYTES, JOINED_WRITE_BYTES, READ_BUFFER_BYTES } from '../limits.ts';
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
        write(header, ciphertext, tag) {
          if (!socket.writable) return; // onClose tells
          const bytes = header.length + ciphertext.length + tag.length;
          if (bytes <= JOINED_WRITE_BYTES) {
            socket.write(Buffer.concat([header, ciphertext, tag], bytes));
            return;
          }
          socket.cork();
          socket.write(header);
          socket.write(ciphertext);
          socket.write(tag, (error) => {
            // Written with all before it. After an error the kernel may still be reading it.
            if (error === undefined || error === null) release(ciphertext);
          });
          socket.uncork();
        },
        end() {
          socket.end();
          socket.unref(); // pending bytes are still written, but the process does not wait for the other end to close
        },
        destroy: () => void socket.destroy(),
      });
    });
  });
}
