/** The connections of one guest, found by their ports and peer, bounded in all and for each peer. */
import type { Connection } from './connection.ts';
import { MAX_VSOCK_CONNECTIONS, MAX_VSOCK_CONNECTIONS_PER_PEER } from './limits.ts';

export class ConnectionTable {
  /** By local port, then by `peerKey`. */
  readonly #byPort = new Map<number, Map<number, Connection>>();
  readonly #all = new Set<Connection>();
  readonly #perPeer = new Map<number, number>();

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#all.values();
  }

  find(localPort: number, peer: number, peerPort: number): Connection | undefined {
    return this.#byPort.get(localPort)?.get(peerKey(peer, peerPort));
  }

  /** False: the guest, or its peer, has as many connections as it may have. */
  add(connection: Connection): boolean {
    const { localPort, peer, peerPort } = connection.place;
    const ofPeer = this.#perPeer.get(peer) ?? 0;
    if (this.#all.size >= MAX_VSOCK_CONNECTIONS || ofPeer >= MAX_VSOCK_CONNECTIONS_PER_PEER) return false;
    const ofPort = this.#byPort.get(localPort) ?? new Map<number, Connection>();
    ofPort.set(peerKey(peer, peerPort), connection);
    this.#byPort.set(localPort, ofPort);
    this.#perPeer.set(peer, ofPeer + 1);
    this.#all.add(connection);
    return true;
  }

  remove(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    const { localPort, peer, peerPort } = connection.place;
    const ofPort = this.#byPort.get(localPort);
    ofPort?.delete(peerKey(peer, peerPort));
    if (ofPort?.size === 0) this.#byPort.delete(localPort);
    const ofPeer = (this.#perPeer.get(peer) ?? 0) - 1;
    if (ofPeer <= 0) this.#perPeer.delete(peer);
    else this.#perPeer.set(peer, ofPeer);
  }

  /** True while a connection needs the ring of this service port for answers of the peer. */
  uses(servicePort: number, peer: number): boolean {
    for (const { place } of this.#all) {
      if (place.isClient && place.servicePort === servicePort && place.peer === peer) return true;
    }
    return false;
  }
}

/** 16 bits of domid and 32 bits of port: exact as a number. */
function peerKey(peer: number, port: number): number {
  return peer * 0x1_0000_0000 + port;
}
