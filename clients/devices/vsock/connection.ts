/**
 * One vsock connection as the device of one of its two guests sees it, with the credit of both directions.
 *
 * Credit (VIRTIO 1.2 §5.10.6.3): each side announces a window (`buf_alloc`) and counts what its program has consumed
 * (`fwd_cnt`); the other side may have at most a window of bytes that are not consumed. The counters are modulo 2^32.
 * The device holds both sides to it. A guest or a peer that sends more loses the connection, and no byte is dropped
 * from a stream that goes on. A window that shrinks is not held against bytes that were sent before.
 */
import { MAX_VSOCK_CREDIT_BYTES, MAX_VSOCK_WAITING_PACKETS } from './limits.ts';
import { Operation, PACKET_HEADER_BYTES, SEQPACKET_END_OF_MESSAGE, SocketType } from './packet.ts';

/** Small pieces of a stream are joined up to this size, which a Linux guest takes in one buffer. */
const JOINED_BYTES = 4_096;

export type ConnectionState =
  /** Our guest asked; the ring for answers is being registered. */
  | 'registering'
  /** Our guest asked; the peer has not answered. */
  | 'requested'
  /** The peer asked; our guest has not answered. */
  | 'offered'
  | 'open'
  /** Reset. The packets that wait for the guest are still handed to it. */
  | 'closing';

/**
 * An item that waits for the guest. In `block` there is room for the header of a packet in front of the payload, where
 * the bytes of an earlier piece were: so a header is written in place, and no piece of a long payload is copied.
 */
export interface Waiting {
  readonly operation: Operation;
  flags: number;
  block: Buffer;
  /** Where the payload begins. */
  start: number;
  /** Bytes of the payload. */
  length: number;
}

export interface ConnectionPlace {
  readonly localPort: number;
  readonly peer: number;
  readonly peerPort: number;
  /** The port that was asked for: names the class of the connection in policy. */
  readonly servicePort: number;
  readonly type: SocketType;
  /** Our guest asked for the connection. */
  readonly isClient: boolean;
}

export class Connection {
  readonly place: ConnectionPlace;
  state: ConnectionState;
  /** When the state began, milliseconds. */
  since: number;
  /** When the peer was heard last. */
  heardAt: number;
  /** When the peer was asked whether it is still there; null: not asked. */
  probedAt: number | null = null;
  /** The values that the guest has announced. */
  guestWindow = 0;
  guestConsumed = 0;
  /** The values that the peer has announced. */
  peerWindow = 0;
  peerConsumed = 0;
  readonly #waiting: Waiting[] = [];
  #largestGuestWindow = 0;
  #largestPeerWindow = 0;
  /** Bytes from the guest to the peer, and from the peer to the guest, modulo 2^32. */
  #sent = 0;
  #received = 0;

  constructor(place: ConnectionPlace, state: ConnectionState, now: number) {
    this.place = place;
    this.state = state;
    this.since = now;
    this.heardAt = now;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** What our guest announces with each packet. Larger windows than ours are announced as ours. */
  guestAnnounces(window: number, consumed: number): void {
    this.guestWindow = Math.min(window, MAX_VSOCK_CREDIT_BYTES);
    this.guestConsumed = consumed;
    this.#largestGuestWindow = Math.max(this.#largestGuestWindow, this.guestWindow);
  }

  peerAnnounces(window: number, consumed: number, now: number): void {
    this.peerWindow = Math.min(window, MAX_VSOCK_CREDIT_BYTES);
    this.peerConsumed = consumed;
    this.#largestPeerWindow = Math.max(this.#largestPeerWindow, this.peerWindow);
    this.heardAt = now;
    this.probedAt = null;
  }

  /** Counts bytes from the guest; false: the peer has given no credit for them. */
  send(bytes: number): boolean {
    const unconsumed = (this.#sent - this.peerConsumed) >>> 0;
    if (unconsumed + bytes > this.#largestPeerWindow) return false;
    this.#sent = (this.#sent + bytes) >>> 0;
    return true;
  }

  /** Counts bytes from the peer; false: the guest has given no credit for them. */
  receive(bytes: number): boolean {
    const unconsumed = (this.#received - this.guestConsumed) >>> 0;
    if (unconsumed + bytes > this.#largestGuestWindow) return false;
    this.#received = (this.#received + bytes) >>> 0;
    return true;
  }

  /**
   * Keeps something for the guest; copies `payload`. False: too much waits that costs no credit. What a later packet
   * says as well is not kept twice, so the memory is bounded by the guest's own window.
   */
  keep(operation: Operation, flags: number, payload: Uint8Array): boolean {
    const last = this.#waiting.at(-1);
    if (operation === Operation.creditUpdate && last !== undefined) return true; // every packet carries the credit
    if (operation === Operation.creditRequest && last?.operation === operation) return true;
    if (operation === Operation.shutdown && last?.operation === operation) {
      last.flags |= flags;
      return true;
    }
    if (operation === Operation.data && this.place.type === SocketType.stream && last?.operation === operation) {
      if (join(last, payload)) return true;
    }
    if (this.#waiting.length >= MAX_VSOCK_WAITING_PACKETS) return false;
    const block = Buffer.allocUnsafe(PACKET_HEADER_BYTES + payload.length);
    block.set(payload, PACKET_HEADER_BYTES);
    this.#waiting.push({ operation, flags, block, start: PACKET_HEADER_BYTES, length: payload.length });
    return true;
  }

  /**
   * The next packet for the guest, with at most `room` bytes of payload; its header may be written until the next call.
   * Null when no packet waits.
   */
  take(room: number): Waiting | null {
    const first = this.#waiting[0];
    if (first === undefined) return null;
    if (first.length <= room) {
      this.#waiting.shift();
      return first;
    }
    const { operation, block, start } = first;
    const isSeqpacket = this.place.type === SocketType.seqpacket;
    // Only the last piece of a message ends it.
    const flags = isSeqpacket ? first.flags & ~SEQPACKET_END_OF_MESSAGE : first.flags;
    first.start += room;
    first.length -= room;
    return { operation, flags, block, start, length: room };
  }
}

/** Appends to the last piece of a stream, within its block. */
function join(last: Waiting, payload: Uint8Array): boolean {
  if (last.length + payload.length > JOINED_BYTES) return false;
  const end = last.start + last.length;
  if (last.block.length < end + payload.length) {
    const block = Buffer.allocUnsafe(PACKET_HEADER_BYTES + JOINED_BYTES);
    last.block.copy(block, PACKET_HEADER_BYTES, last.start, end);
    last.block = block;
    last.start = PACKET_HEADER_BYTES;
  }
  last.block.set(payload, last.start + last.length);
  last.length += payload.length;
  return true;
}
