/**
 * One connection of a guest to a unix socket of this host, with the credit of both directions (VIRTIO 1.2 §5.10.6.3).
 *
 *   connecting --socket open--> open --both sides have shut down, or a fault--> over
 *
 * The guest is held to its credit, and the socket is read only while the guest has given some. So no byte is dropped, and
 * what waits here is bounded by the window.
 */
import type { Socket } from 'node:net';
import { type Exchange, MAX_VSOCK_PAYLOAD_BYTES, Operation, type PeerMessage, SocketType } from '../vsock/index.ts';
import { HOST_IN_FLIGHT_BYTES, HOST_STREAM_CREDIT_BYTES, HOST_STREAM_WINDOW_BYTES } from './limits.ts';

/** Flags of a shutdown: its sender receives no more, its sender sends no more. */
const NO_RECEIVE = 1;
const NO_SEND = 2;
const NO_BYTES = Buffer.alloc(0);

export interface HostStreamPlace {
  readonly peer: number;
  readonly peerPort: number;
  readonly servicePort: number;
}

export class HostStream {
  readonly peer: number;
  readonly servicePort: number;
  readonly #peerPort: number;
  readonly #socket: Socket;
  readonly #exchange: Exchange;
  readonly #onOver: () => void;
  #state: 'connecting' | 'open' | 'over' = 'connecting';
  /** What the guest has announced, modulo 2^32. */
  #peerWindow = 0;
  #peerConsumed = 0;
  /** Bytes to the guest, bytes from it, those of them that the service has taken, and that number as the guest knows it. */
  #sent = 0;
  #received = 0;
  #consumed = 0;
  #announced = 0;
  /** Bytes of the service for which the guest has given no credit yet. */
  #left: Buffer = NO_BYTES;
  #hasEnded = false;
  #isEndSaid = false;
  #peerFlags = 0;

  constructor(socket: Socket, place: HostStreamPlace, request: PeerMessage, exchange: Exchange, onOver: () => void) {
    this.peer = place.peer;
    this.servicePort = place.servicePort;
    this.#peerPort = place.peerPort;
    this.#socket = socket;
    this.#exchange = exchange;
    this.#onOver = onOver;
    this.#announces(request);
    socket.once('connect', () => {
      this.#state = 'open';
      this.#send(Operation.response, 0, NO_BYTES);
      this.goOn();
    });
    socket.on('data', (bytes: Buffer) => {
      // One read at a time: `goOn` resumes.
      socket.pause();
      this.#left = this.#left.length === 0 ? bytes : Buffer.concat([this.#left, bytes]);
      this.goOn();
    });
    socket.once('end', () => {
      this.#hasEnded = true;
      this.goOn();
    });
    socket.once('error', () => this.end());
    socket.once('close', () => this.end());
  }

  /** A message of the guest. The payload is valid during the call. */
  take(message: PeerMessage, payload: Uint8Array): void {
    if (this.#state === 'over') return;
    const { operation, flags } = message;
    this.#announces(message);
    if (operation === Operation.reset) {
      this.drop();
      return;
    }
    const isInTurn = operation !== Operation.request && operation !== Operation.response;
    if (!isInTurn || (this.#state === 'connecting' && operation !== Operation.shutdown)) {
      this.end();
      return;
    }
    if (operation === Operation.data) this.#write(payload);
    if (operation === Operation.creditRequest) this.#send(Operation.creditUpdate, 0, NO_BYTES);
    if (operation === Operation.shutdown) this.#shut(flags);
    this.goOn();
  }

  /** Sends what the service has said, as far as the guest has given credit, and reads on. */
  goOn(): void {
    if (this.#state !== 'open') return;
    while (this.#left.length > 0) {
      const room = this.#peerWindow - ((this.#sent - this.#peerConsumed) >>> 0);
      if (room <= 0 || this.#exchange.underWayBytes >= HOST_IN_FLIGHT_BYTES) return;
      const bytes = this.#left.subarray(0, Math.min(room, MAX_VSOCK_PAYLOAD_BYTES));
      this.#left = this.#left.subarray(bytes.length);
      this.#sent = (this.#sent + bytes.length) >>> 0;
      // A guest that has shut down its side does not get them, as with any socket.
      if ((this.#peerFlags & NO_RECEIVE) === 0) this.#send(Operation.data, 0, bytes);
    }
    if (!this.#hasEnded) this.#socket.resume();
    else this.#sayEnd();
  }

  probe(): void {
    if (this.#state === 'open') this.#send(Operation.creditRequest, 0, NO_BYTES);
  }

  /** Resets both sides. */
  end(): void {
    if (this.#state === 'over') return;
    this.#send(Operation.reset, 0, NO_BYTES);
    this.drop();
  }

  /** The guest has no connection any more. */
  drop(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#socket.destroy();
    this.#onOver();
  }

  #announces({ bufAlloc, fwdCnt }: PeerMessage): void {
    this.#peerWindow = bufAlloc;
    this.#peerConsumed = fwdCnt;
  }

  #write(payload: Uint8Array): void {
    const unconsumed = (this.#received - this.#consumed) >>> 0;
    if (unconsumed + payload.length > HOST_STREAM_WINDOW_BYTES || (this.#peerFlags & NO_SEND) !== 0) {
      this.end();
      return;
    }
    const { length } = payload;
    this.#received = (this.#received + length) >>> 0;
    // Copied: the socket may write it later.
    this.#socket.write(Buffer.from(payload), (error) => {
      if (error != null || this.#state !== 'open') return;
      this.#consumed = (this.#consumed + length) >>> 0;
      if ((this.#consumed - this.#announced) >>> 0 >= HOST_STREAM_CREDIT_BYTES)
        this.#send(Operation.creditUpdate, 0, NO_BYTES);
    });
  }

  #shut(flags: number): void {
    this.#peerFlags |= flags;
    const isOver = (this.#peerFlags & NO_RECEIVE) !== 0 && (this.#peerFlags & NO_SEND) !== 0;
    // What the guest said before reaches the service, then the service hears the end.
    if ((this.#peerFlags & NO_SEND) !== 0) this.#socket.end(isOver ? () => this.end() : undefined);
  }

  #sayEnd(): void {
    if (this.#isEndSaid) return;
    this.#isEndSaid = true;
    this.#send(Operation.shutdown, NO_SEND, NO_BYTES);
  }

  #send(operation: Operation, flags: number, payload: Uint8Array): void {
    this.#announced = this.#consumed;
    const message = {
      operation,
      type: SocketType.stream,
      sourcePort: this.servicePort,
      destinationPort: this.#peerPort,
      flags,
      bufAlloc: operation === Operation.reset ? 0 : HOST_STREAM_WINDOW_BYTES,
      fwdCnt: operation === Operation.reset ? 0 : this.#consumed,
    };
    this.#exchange.send(this.peer, this.servicePort, message, payload, () => this.end());
  }
}
