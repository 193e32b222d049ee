/**
 * The vsock device of one guest (VIRTIO 1.2 §5.10): packets of the guest become messages to the domain with that CID,
 * messages of other domains become packets for the guest. The broker decides each of them.
 *
 * The guest's identity is the session with the broker. A source CID that is not the guest's own is forged: the packet
 * is counted and goes nowhere. Refused, unknown CID, no listener and too many connections look the same to the guest:
 * one RST, a fixed time after its request.
 *
 * Nothing is dropped from a stream. What cannot be delivered ends its connection: both guests get a reset.
 */

import type { VirtioDevice, Wiring } from '../vhost-user/index.ts';
import type { DeviceQueue } from '../virtqueue/index.ts';
import { Connection, type ConnectionPlace } from './connection.ts';
import type { Exchange, ExchangeEvents, Timers } from './exchange.ts';
import {
  MAX_SERVICE_PORT,
  MAX_VSOCK_PAYLOAD_BYTES,
  MAX_VSOCK_WAITING_RESETS,
  VSOCK_CONNECT_TIMEOUT_MS,
  VSOCK_IN_FLIGHT_BYTES,
  VSOCK_PROBE_MS,
  VSOCK_PROBE_TIMEOUT_MS,
  VSOCK_REFUSAL_MS,
} from './limits.ts';
import type { PeerMessage } from './message.ts';
import {
  decodePacket,
  encodePacket,
  FIRST_GUEST_CID,
  knownFlags,
  Operation,
  PACKET_HEADER_BYTES,
  type Packet,
  type SocketType,
  writeHeader,
} from './packet.ts';
import { ConnectionTable } from './table.ts';

/** Queues, from the driver's side: it receives at the first, sends at the second. The VMM keeps the event queue. */
const RECEIVE_QUEUE = 0;
const SEND_QUEUE = 1;
const FEATURE_STREAM = 1n << 0n;
const FEATURE_SEQPACKET = 1n << 1n;
const SWEEP_MS = 5_000;
const NO_BYTES = new Uint8Array(0);

export interface VsockCounts {
  /** Packets and payload bytes of the guest that were sent to the broker. */
  sent: number;
  sentBytes: number;
  /** Packets and payload bytes that the guest has taken. */
  delivered: number;
  deliveredBytes: number;
  /** Requests and packets that the broker refused. */
  refused: number;
  /** Packets of the guest with the CID of another one. */
  forged: number;
  /** Packets of the guest that make no sense. */
  malformed: number;
  /** Connections that ended because a side sent more than its credit. */
  overruns: number;
}

export class VsockDevice implements VirtioDevice, ExchangeEvents {
  readonly queueCount = 2;
  readonly maxReadableBytes = PACKET_HEADER_BYTES + MAX_VSOCK_PAYLOAD_BYTES;
  readonly features = FEATURE_STREAM | FEATURE_SEQPACKET;
  readonly config: Buffer;
  readonly counts: VsockCounts = {
    sent: 0,
    sentBytes: 0,
    delivered: 0,
    deliveredBytes: 0,
    refused: 0,
    forged: 0,
    malformed: 0,
    overruns: 0,
  };
  readonly #cid: number;
  readonly #exchange: Exchange;
  readonly #clock: Timers;
  readonly #table = new ConnectionTable();
  /** Connections with something for the guest, in turn. */
  readonly #ready = new Set<Connection>();
  /** Resets for connections that are in no table. */
  readonly #resets: Packet[] = [];
  #delayedResets = 0;
  /** Packets of the guest wait in its memory until `#isBehind` is false. */
  #isHeld = false;
  #wiring: Wiring | null = null;
  #cancelSweep: (() => void) | null = null;

  constructor(exchange: Exchange, clock: Timers) {
    this.#exchange = exchange;
    this.#cid = exchange.cid;
    this.#clock = clock;
    this.config = Buffer.alloc(8);
    this.config.writeUInt32LE(this.#cid, 0);
  }

  get connections(): number {
    return this.#table.size;
  }

  close(): void {
    this.reset();
    this.#cancelSweep?.();
    this.#cancelSweep = null;
  }

  // What the back-end calls

  attach(wiring: Wiring): void {
    this.#wiring = wiring;
  }

  reset(): void {
    for (const connection of [...this.#table]) {
      if (connection.state !== 'closing') this.#sendReset(connection);
      this.#forget(connection);
    }
    this.#ready.clear();
    this.#resets.length = 0;
  }

  service(index: number, queue: DeviceQueue, budget: number): number {
    if (index === RECEIVE_QUEUE) return this.#deliver(queue, budget);
    return index === SEND_QUEUE ? this.#collect(queue, budget) : 0;
  }

  // From the guest

  #collect(queue: DeviceQueue, budget: number): number {
    for (let done = 0; done < budget; done++) {
      if (this.#isBehind()) {
        this.#isHeld = true;
        return done;
      }
      const chain = queue.pop();
      if (chain === null) return done;
      const bytes = queue.read(chain);
      if (bytes === null) return done;
      this.#fromGuest(bytes);
      queue.complete(chain);
    }
    return budget;
  }

  /** The broker has too much to answer, or the guest does not take its answers: its packets wait in its own memory. */
  #isBehind(): boolean {
    return (
      this.#exchange.underWayBytes >= VSOCK_IN_FLIGHT_BYTES ||
      this.#resets.length + this.#delayedResets >= MAX_VSOCK_WAITING_RESETS
    );
  }

  #fromGuest(bytes: Buffer): void {
    const packet = decodePacket(bytes);
    if (packet === null) {
      this.counts.malformed++;
      return;
    }
    if (packet.sourceCid !== this.#cid) {
      this.counts.forged++;
      return;
    }
    const payload = bytes.subarray(PACKET_HEADER_BYTES);
    const { destinationCid: peer, sourcePort, destinationPort, operation } = packet;
    const connection = this.#table.find(sourcePort, peer, destinationPort);
    if (connection === undefined) {
      if (operation === Operation.request) this.#request(packet);
      else if (operation !== Operation.reset) this.#answerReset(packet);
      return;
    }
    if (connection.state === 'closing') return; // its reset is on the way
    connection.guestAnnounces(packet.bufAlloc, packet.fwdCnt);
    if (operation === Operation.reset) {
      this.#sendReset(connection);
      this.#forget(connection);
      return;
    }
    if (!this.#isExpectedFromGuest(connection, packet)) {
      this.#end(connection);
      return;
    }
    if (operation === Operation.data && !connection.send(payload.length)) {
      this.counts.overruns++;
      this.#end(connection);
      return;
    }
    if (operation === Operation.response) this.#become(connection, 'open');
    this.#send(connection, operation, packet.flags, payload);
  }

  #isExpectedFromGuest({ state, place }: Connection, { operation, type }: Packet): boolean {
    if (type !== place.type || operation === Operation.request) return false;
    if (operation === Operation.response) return state === 'offered';
    return state === 'open' || operation === Operation.shutdown;
  }

  #request(packet: Packet): void {
    const { destinationCid: peer, destinationPort } = packet;
    const place = placeOf(packet);
    const isPossible = peer >= FIRST_GUEST_CID && peer !== this.#cid && peer <= 0xffff;
    const connection = this.#newConnection(place, 'registering');
    if (!isPossible || destinationPort > MAX_SERVICE_PORT || !this.#table.add(connection)) {
      this.#refuse(packet, this.#clock.now());
      return;
    }
    connection.guestAnnounces(packet.bufAlloc, packet.fwdCnt);
    void this.#exchange.expectAnswers(destinationPort, peer).then((isReady) => {
      if (connection.state !== 'registering') return; // the guest gave up, or its device was reset
      if (!isReady) {
        this.#refuseConnection(connection);
        return;
      }
      this.#become(connection, 'requested');
      this.#send(connection, Operation.request, 0, NO_BYTES);
    });
  }

  #newConnection(place: ConnectionPlace, state: 'registering' | 'offered'): Connection {
    this.#sweepLater();
    return new Connection(place, state, this.#clock.now());
  }

  #become(connection: Connection, state: Connection['state']): void {
    connection.state = state;
    if (state !== 'requested') connection.since = this.#clock.now();
  }

  // To the peer

  #send(connection: Connection, operation: Operation, flags: number, payload: Uint8Array): void {
    const { place } = connection;
    this.counts.sent++;
    this.counts.sentBytes += payload.length;
    const message = {
      operation,
      type: place.type,
      sourcePort: place.localPort,
      destinationPort: place.peerPort,
      flags: knownFlags(operation, place.type, flags),
      bufAlloc: connection.guestWindow,
      fwdCnt: connection.guestConsumed,
    };
    this.#exchange.send(place.peer, place.servicePort, message, payload, () => {
      this.counts.refused++;
      if (connection.state === 'requested') this.#refuseConnection(connection);
      else if (connection.state !== 'closing') this.#end(connection);
    });
  }

  /** Nothing more is said on this connection, so a refusal of the reset changes nothing. */
  #sendReset({ place, state }: Connection): void {
    if (state === 'registering') return; // the peer has not heard of it
    this.#resetPeer(place.peer, place.servicePort, place.localPort, place.peerPort, place.type);
  }

  #resetPeer(peer: number, servicePort: number, sourcePort: number, destinationPort: number, type: SocketType): void {
    const message = { operation: Operation.reset, type, sourcePort, destinationPort, flags: 0, bufAlloc: 0, fwdCnt: 0 };
    this.#exchange.send(peer, servicePort, message, NO_BYTES, () => {});
  }

  // From the peer

  received(peer: number, servicePort: number, message: PeerMessage, payload: Uint8Array): void {
    const { operation, type, sourcePort, destinationPort } = message;
    const connection = this.#table.find(destinationPort, peer, sourcePort);
    if (operation === Operation.request && connection === undefined && destinationPort === servicePort) {
      this.#offer(peer, servicePort, message);
      return;
    }
    // A connection belongs to one service port: over another one, with other permissions, it cannot be reached.
    const isKnown = connection !== undefined && connection.state !== 'closing';
    if (!isKnown || connection.place.servicePort !== servicePort || connection.place.type !== type) {
      if (operation !== Operation.reset) this.#resetPeer(peer, servicePort, destinationPort, sourcePort, type);
      return;
    }
    connection.peerAnnounces(message.bufAlloc, message.fwdCnt, this.#clock.now());
    if (operation === Operation.reset) {
      this.#resetGuest(connection);
      return;
    }
    if (!this.#isExpectedFromPeer(connection, operation)) {
      this.#end(connection);
      return;
    }
    if (operation === Operation.data && !connection.receive(payload.length)) {
      this.counts.overruns++;
      this.#end(connection);
      return;
    }
    if (operation === Operation.response) this.#become(connection, 'open');
    // The answer to a probe of the other device: it does not need the guest.
    if (operation === Operation.creditRequest) this.#send(connection, Operation.creditUpdate, 0, NO_BYTES);
    if (connection.keep(operation, message.flags, payload)) this.#wakeFor(connection);
    else this.#end(connection);
  }

  #isExpectedFromPeer({ state }: Connection, operation: Operation): boolean {
    if (operation === Operation.request) return false;
    if (operation === Operation.response) return state === 'requested';
    return state === 'open' || operation === Operation.shutdown;
  }

  #offer(peer: number, servicePort: number, message: PeerMessage): void {
    const { sourcePort, destinationPort, type } = message;
    const place = { localPort: destinationPort, peer, peerPort: sourcePort, servicePort, type, isClient: false };
    const connection = this.#newConnection(place, 'offered');
    connection.peerAnnounces(message.bufAlloc, message.fwdCnt, this.#clock.now());
    const isTaken = this.#wiring?.queue(RECEIVE_QUEUE) != null && this.#table.add(connection);
    if (isTaken && connection.keep(Operation.request, 0, NO_BYTES)) this.#wakeFor(connection);
    else this.#resetPeer(peer, servicePort, destinationPort, sourcePort, type);
  }

  settled(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#wiring?.wake(SEND_QUEUE);
  }

  lost(peer: number | null, servicePort: number | null): void {
    for (const connection of [...this.#table]) {
      const { place, state } = connection;
      if (state === 'closing' || (peer !== null && place.peer !== peer)) continue;
      if (servicePort === null || place.servicePort === servicePort) this.#resetGuest(connection);
    }
  }

  /** Each side asks for each connection, so that a revocation also ends silent connections. */
  policyChanged(): void {
    for (const connection of [...this.#table]) if (connection.state === 'open') this.#probe(connection);
  }

  // The end of connections

  /** Resets both sides. */
  #end(connection: Connection): void {
    this.#sendReset(connection);
    this.#resetGuest(connection);
  }

  /** The guest first gets the packets that wait for it, then the reset. */
  #resetGuest(connection: Connection): void {
    connection.state = 'closing';
    if (connection.waiting === 0) {
      this.#answer(connection.place);
      this.#forget(connection);
    } else this.#wakeFor(connection);
  }

  #refuseConnection(connection: Connection): void {
    const { place, since } = connection;
    connection.state = 'closing';
    this.#forget(connection);
    this.#delayReset(since, this.#resetFor(place));
  }

  #refuse(packet: Packet, since: number): void {
    this.counts.refused++;
    this.#delayReset(since, this.#resetFor(placeOf(packet)));
  }

  #delayReset(since: number, reset: Packet): void {
    this.#delayedResets++;
    this.#clock.schedule(Math.max(0, since + VSOCK_REFUSAL_MS - this.#clock.now()), () => {
      this.#delayedResets--;
      this.#pushReset(reset);
    });
  }

  #answerReset(packet: Packet): void {
    this.#pushReset(this.#resetFor(placeOf(packet)));
  }

  #answer(place: ConnectionPlace): void {
    this.#pushReset(this.#resetFor(place));
  }

  #resetFor({ localPort, peer, peerPort, type }: ConnectionPlace): Packet {
    return {
      sourceCid: peer,
      destinationCid: this.#cid,
      sourcePort: peerPort,
      destinationPort: localPort,
      type,
      operation: Operation.reset,
      flags: 0,
      bufAlloc: 0,
      fwdCnt: 0,
    };
  }

  #pushReset(reset: Packet): void {
    this.#resets.push(reset);
    this.#wiring?.wake(RECEIVE_QUEUE);
  }

  #forget(connection: Connection): void {
    connection.state = 'closing';
    const { servicePort, peer, isClient } = connection.place;
    this.#ready.delete(connection);
    this.#table.remove(connection);
    if (isClient && !this.#table.uses(servicePort, peer)) this.#exchange.endAnswers(servicePort, peer);
    if (this.#table.size === 0) {
      this.#cancelSweep?.();
      this.#cancelSweep = null;
    }
  }

  // To the guest

  #wakeFor(connection: Connection): void {
    this.#ready.add(connection);
    this.#wiring?.wake(RECEIVE_QUEUE);
  }

  #deliver(queue: DeviceQueue, budget: number): number {
    for (let done = 0; done < budget; done++) {
      if (this.#resets.length === 0 && this.#ready.size === 0) return done;
      const chain = queue.pop();
      if (chain === null) return done;
      const bytes = this.#nextFor(chain.writableBytes - PACKET_HEADER_BYTES);
      if (bytes === null) {
        queue.unpop();
        return done;
      }
      queue.complete(chain, bytes);
    }
    return budget;
  }

  /** The next packet that fits a buffer with so much room behind the header; valid until the next call. */
  #nextFor(room: number): Buffer | null {
    if (room < 0) return NO_PACKET; // a buffer without room for a header is given back empty
    const reset = this.#resets.shift();
    if (reset !== undefined) {
      if (this.#resets.length + this.#delayedResets === MAX_VSOCK_WAITING_RESETS - 1) this.settled();
      return encodePacket(reset, null);
    }
    for (const connection of this.#ready) {
      const waiting = room === 0 ? null : connection.take(room);
      if (waiting === null) return NO_PACKET;
      this.#ready.delete(connection);
      if (connection.waiting > 0)
        this.#ready.add(connection); // behind the others
      else if (connection.state === 'closing') {
        this.#answer(connection.place);
        this.#forget(connection);
      }
      const { place } = connection;
      this.counts.delivered++;
      this.counts.deliveredBytes += waiting.length;
      const packet = {
        sourceCid: place.peer,
        destinationCid: this.#cid,
        sourcePort: place.peerPort,
        destinationPort: place.localPort,
        type: place.type,
        operation: waiting.operation,
        flags: waiting.flags,
        bufAlloc: connection.peerWindow,
        fwdCnt: connection.peerConsumed,
      };
      const { block, start, length } = waiting;
      writeHeader(block, start - PACKET_HEADER_BYTES, packet, length);
      return block.subarray(start - PACKET_HEADER_BYTES, start + length);
    }
    return null;
  }

  // Time

  #sweepLater(): void {
    this.#cancelSweep ??= this.#clock.schedule(SWEEP_MS, () => {
      this.#cancelSweep = null;
      this.#sweep();
    });
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const connection of [...this.#table]) {
      const { state, since, heardAt, probedAt } = connection;
      if (state === 'requested' || state === 'offered') {
        if (now - since >= VSOCK_CONNECT_TIMEOUT_MS) this.#end(connection);
      } else if (state === 'open') {
        if (probedAt !== null && now - probedAt >= VSOCK_PROBE_TIMEOUT_MS) this.#end(connection);
        else if (probedAt === null && now - heardAt >= VSOCK_PROBE_MS) this.#probe(connection);
      }
    }
    if (this.#table.size > 0) this.#sweepLater();
  }

  #probe(connection: Connection): void {
    connection.probedAt ??= this.#clock.now();
    this.#send(connection, Operation.creditRequest, 0, NO_BYTES);
  }
}

const NO_PACKET = Buffer.alloc(0);

function placeOf(packet: Packet): ConnectionPlace {
  const { sourcePort, destinationCid, destinationPort, type } = packet;
  return {
    localPort: sourcePort,
    peer: destinationCid,
    peerPort: destinationPort,
    servicePort: destinationPort,
    type,
    isClient: true,
  };
}
