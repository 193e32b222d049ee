/** A carrier over a stream socket: unix or TCP, as accepted by the broker. */
import type { Socket } from 'node:net';
import { release } from '../../keys/index.ts';
import { GOODBYE_MS, JOINED_WRITE_BYTES } from '../process/index.ts';
import type { ReadableSocket } from './adopt.ts';
import type { Carrier, CarrierHandlers } from './carrier.ts';

export class SocketCarrier implements Carrier {
  readonly name: string;
  readonly domain: string | null;
  readonly tellsOfRestart: boolean;
  readonly #socket: Socket;
  readonly #read: ReadableSocket['read'];

  constructor({ socket, read }: ReadableSocket, name: string, domain: string | null, tellsOfRestart = true) {
    this.#socket = socket;
    this.#read = read;
    this.name = name;
    this.domain = domain;
    this.tellsOfRestart = tellsOfRestart;
    // Without a listener a reset by the peer would be an uncaught exception; 'close' follows and tells the rest.
    socket.on('error', () => {});
  }

  /** Written, and not taken by the kernel. */
  get heldBytes(): number {
    return this.#socket.writableLength;
  }

  open(handlers: CarrierHandlers): void {
    this.#socket.on('drain', () => handlers.onDrain());
    this.#socket.on('close', () => handlers.onClosed());
    this.#read((chunk) => handlers.onChunk(chunk));
  }

  write(buffers: readonly Uint8Array[]): boolean {
    if (!this.#socket.writable) return true;
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.length;
    if (bytes <= JOINED_WRITE_BYTES) return this.#socket.write(Buffer.concat(buffers, bytes));
    // When the last is written they all are. After an error the kernel may still be reading them.
    const written = (error?: Error | null): void => {
      if (error === undefined || error === null) for (const buffer of buffers) release(buffer);
    };
    this.#socket.cork();
    let hasRoom = true;
    for (const buffer of buffers) hasRoom = this.#socket.write(buffer, buffer === buffers.at(-1) ? written : undefined);
    this.#socket.uncork();
    return hasRoom || !this.#socket.writableNeedDrain;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Reads on, to notice that the other end closes as well; one that does not is not waited for. */
  end(): void {
    this.#socket.end();
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), GOODBYE_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
