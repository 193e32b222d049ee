/** A carrier over a stream socket: unix or TCP, as accepted by the broker. */
import type { Socket } from 'node:net';
import { writeLent } from '../base/index.ts';
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
    // Without a listener, a reset by the peer would be an uncaught exception. 'close' follows and reports the end.
    socket.on('error', () => {});
  }

  get heldBytes(): number {
    return this.unsentBytes;
  }

  /** Written bytes that the kernel has not taken. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  open(handlers: CarrierHandlers): void {
    this.#socket.on('drain', () => handlers.onDrain());
    this.#socket.on('close', () => handlers.onClosed());
    this.#read((chunk) => handlers.onChunk(chunk));
  }

  write(buffers: readonly Uint8Array[], onWritten: (() => void) | null = null): boolean {
    return writeLent(this.#socket, buffers, JOINED_WRITE_BYTES, onWritten);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Keeps reading, to notice that the other end closes as well. Does not wait for an end that never does. */
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
