/**
 * Services of the host that guests reach by AF_VSOCK: each connection of a guest becomes a connection to a unix socket of
 * this host. The domain has no guest: it is the other end of the vsock device of a guest, and speaks the same messages.
 *
 * The broker has decided each message before it comes here. A service that is not there, or has too many connections,
 * looks to the guest as a denial does.
 */
import { connect } from 'node:net';
import { type Exchange, type ExchangeEvents, Operation, type PeerMessage, SocketType } from '../vsock/index.ts';
import { HostStream } from './host-stream.ts';
import { MAX_HOST_STREAMS, MAX_HOST_STREAMS_PER_PEER } from './limits.ts';

export interface HostService {
  /** The vsock port. */
  readonly port: number;
  /** The unix socket of the service. */
  readonly socket: string;
}

export class HostServices implements ExchangeEvents {
  readonly #exchange: Exchange;
  readonly #sockets: ReadonlyMap<number, string>;
  /** By peer, its port and the service port. */
  readonly #streams = new Map<string, HostStream>();
  readonly #perPeer = new Map<number, number>();

  constructor(exchange: Exchange, services: readonly HostService[]) {
    this.#exchange = exchange;
    this.#sockets = new Map(services.map(({ port, socket }) => [port, socket]));
  }

  get connections(): number {
    return this.#streams.size;
  }

  close(): void {
    for (const stream of [...this.#streams.values()]) stream.end();
  }

  received(peer: number, servicePort: number, message: PeerMessage, payload: Uint8Array): void {
    const { operation, type, sourcePort, destinationPort } = message;
    const stream = this.#streams.get(keyOf(peer, sourcePort, servicePort));
    const isMeant = destinationPort === servicePort && type === SocketType.stream;
    if (stream !== undefined && isMeant) stream.take(message, payload);
    else if (operation === Operation.request && isMeant) this.#accept(peer, servicePort, message);
    else if (operation !== Operation.reset) this.#refuse(peer, servicePort, message);
  }

  settled(): void {
    for (const stream of this.#streams.values()) stream.goOn();
  }

  lost(peer: number | null, servicePort: number | null): void {
    for (const stream of [...this.#streams.values()])
      if ((peer === null || stream.peer === peer) && (servicePort === null || stream.servicePort === servicePort))
        stream.drop();
  }

  /** Each stream asks, so that a revocation also ends silent connections. */
  policyChanged(): void {
    for (const stream of [...this.#streams.values()]) stream.probe();
  }

  #accept(peer: number, servicePort: number, message: PeerMessage): void {
    const path = this.#sockets.get(servicePort);
    const ofPeer = this.#perPeer.get(peer) ?? 0;
    const isFull = this.#streams.size >= MAX_HOST_STREAMS || ofPeer >= MAX_HOST_STREAMS_PER_PEER;
    if (path === undefined || isFull) {
      this.#refuse(peer, servicePort, message);
      return;
    }
    const key = keyOf(peer, message.sourcePort, servicePort);
    this.#perPeer.set(peer, ofPeer + 1);
    const socket = connect({ path, allowHalfOpen: true });
    const place = { peer, peerPort: message.sourcePort, servicePort };
    const stream = new HostStream(socket, place, message, this.#exchange, () => {
      this.#streams.delete(key);
      const left = (this.#perPeer.get(peer) ?? 0) - 1;
      if (left > 0) this.#perPeer.set(peer, left);
      else this.#perPeer.delete(peer);
    });
    this.#streams.set(key, stream);
  }

  #refuse(peer: number, servicePort: number, { type, sourcePort, destinationPort }: PeerMessage): void {
    const ports = { sourcePort: destinationPort, destinationPort: sourcePort };
    const reset = { operation: Operation.reset, type, ...ports, flags: 0, bufAlloc: 0, fwdCnt: 0 };
    this.#exchange.send(peer, servicePort, reset, NO_BYTES, () => {});
  }
}

const NO_BYTES = new Uint8Array(0);

function keyOf(peer: number, peerPort: number, servicePort: number): string {
  return `${peer} ${peerPort} ${servicePort}`;
}
