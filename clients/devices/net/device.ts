/**
 * The network card of one guest (VIRTIO 1.2 §5.1): its frames become messages on an Ethernet link, and frames of the
 * link's peers become buffers of the guest. The broker decides each frame, as on every link.
 *
 * The guest leaves checksums and the cutting of long TCP segments to the device. The link carries them as they are, for
 * an end that takes segments too (`sendPacket`, `writeSegment`); for any other end they are finished here or in the
 * link. Towards the guest a frame may be spread over several buffers. Nothing is lost unseen: what the guest has no
 * buffer for waits, then slows the peers, and every loss has a counter.
 *
 * The card may have several pairs of queues, one for each processor of the guest: see steering.ts.
 */
import {
  framesOf,
  GSO_TCP4,
  GSO_TCP6,
  type LinkAttachment,
  NEEDS_CHECKSUM,
  NET_HEADER_BYTES,
  type SegmentPort,
  writeHeader,
} from '../../agents/network/index.ts';
import type { VirtioDevice, Wiring } from '../vhost-user/index.ts';
import type { Chain, DeviceQueue } from '../virtqueue/index.ts';
import { MAX_NET_BUFFERS, MAX_NET_PACKET_BYTES, NET_WAITING_BYTES } from './limits.ts';
import { FlowSteering } from './steering.ts';

/** Queues of a pair, from the driver's side: it receives at the first, sends at the second. */
const QUEUES_PER_PAIR = 2;
const SEND_QUEUE = 1;

/** What the device does for the guest: VIRTIO_NET_F_CSUM, HOST_TSO4, HOST_TSO6, MRG_RXBUF. */
const FEATURE_CHECKSUM = 1n << 0n;
const FEATURE_TCP4_SEGMENTS = 1n << 11n;
const FEATURE_TCP6_SEGMENTS = 1n << 12n;
const FEATURE_MERGEABLE = 1n << 15n;
/** What the guest takes unfinished: VIRTIO_NET_F_GUEST_CSUM, GUEST_TSO4, GUEST_TSO6. */
const FEATURE_GUEST_CHECKSUM = 1n << 1n;
const FEATURE_GUEST_TCP4 = 1n << 7n;
const FEATURE_GUEST_TCP6 = 1n << 8n;
/** VIRTIO_NET_F_CTRL_VQ and MQ. The VMM keeps the control queue, in which the guest says how many pairs it uses. */
const FEATURE_CONTROL_QUEUE = 1n << 17n;
const FEATURE_MULTIQUEUE = 1n << 22n;
const NUM_BUFFERS = 10;

const OFFLOADS =
  FEATURE_CHECKSUM |
  FEATURE_TCP4_SEGMENTS |
  FEATURE_TCP6_SEGMENTS |
  FEATURE_GUEST_CHECKSUM |
  FEATURE_GUEST_TCP4 |
  FEATURE_GUEST_TCP6 |
  FEATURE_MERGEABLE;

export interface NetCounts {
  /** Packets of the guest that make no sense. */
  malformed: number;
  /** Frames for the guest that do not fit its buffers. */
  tooLong: number;
  /** Frames that came while the guest had no network card running, or waited when it stopped. */
  nothingAttached: number;
}

export interface NetDeviceOptions {
  /** Takes a frame of the guest as a cable would carry it: a view that is valid during the call. */
  readonly send: (frame: Uint8Array) => void;
  /**
   * If it is there, it is called instead of `send`, with the header and the frame as the guest hands them over: a view
   * that is valid during the call and may be changed.
   */
  readonly sendPacket?: (packet: Buffer) => void;
  /** The longest frame that the link takes. */
  readonly maxFrameBytes: number;
  /** Pairs of queues that the VMM may ask for; default 1. */
  readonly queuePairs?: number;
}

export class NetDevice implements VirtioDevice, LinkAttachment, SegmentPort {
  readonly queueCount: number;
  readonly queuePairs: number;
  readonly maxReadableBytes = NET_HEADER_BYTES + MAX_NET_PACKET_BYTES;
  readonly features: bigint;
  /** The MAC is in the config space, which the VMM keeps. */
  readonly config = null;
  readonly segments: SegmentPort = this;
  readonly counts: NetCounts = { malformed: 0, tooLong: 0, nothingAttached: 0 };
  readonly #options: NetDeviceOptions;
  readonly #waiters: (() => void)[] = [];
  readonly #steering = new FlowSteering();
  /** Frames for the guest by pair of queues, with room for a header in front of each. */
  readonly #waiting: Buffer[][];
  #waitingBytes = 0;
  #wiring: Wiring | null = null;
  #negotiated: () => bigint = () => 0n;
  #isPaused = false;

  constructor(options: NetDeviceOptions) {
    const { queuePairs = 1 } = options;
    this.#options = options;
    this.queueCount = QUEUES_PER_PAIR * queuePairs;
    this.queuePairs = queuePairs;
    this.features = queuePairs > 1 ? OFFLOADS | FEATURE_CONTROL_QUEUE | FEATURE_MULTIQUEUE : OFFLOADS;
    this.#waiting = Array.from({ length: queuePairs }, () => []);
  }

  // What the link calls

  get dropped(): number {
    const { tooLong, nothingAttached } = this.counts;
    return tooLong + nothingAttached;
  }

  get isReady(): boolean {
    return this.#waitingBytes < NET_WAITING_BYTES;
  }

  write(frame: Uint8Array): void {
    if (!this.#isRunning) {
      this.counts.nothingAttached++;
      return;
    }
    const packet = packetOf(frame);
    packet.fill(0, 0, NET_HEADER_BYTES);
    this.#push(packet);
  }

  writeSegment(frame: Uint8Array, type: number): boolean {
    const packet = packetOf(frame);
    if (!writeHeader(packet, type)) return false;
    if (!this.#isRunning) this.counts.nothingAttached++;
    else if (this.#takes(packet)) this.#push(packet);
    else framesOf(packet, this.#options.maxFrameBytes, (piece) => this.write(piece));
    return true;
  }

  /** The guest always leaves work: its features are negotiated once. The link does it for ends that do not take it. */
  setOffload(): void {}

  ready(): Promise<void> {
    return this.isReady ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (let pair = 0; pair < this.queuePairs; pair++) this.#wiring?.wake(QUEUES_PER_PAIR * pair + SEND_QUEUE);
  }

  close(): void {
    this.reset();
  }

  // What the back-end calls

  attach(wiring: Wiring, features: () => bigint): void {
    this.#wiring = wiring;
    this.#negotiated = features;
  }

  reset(): void {
    for (const waiting of this.#waiting) this.counts.nothingAttached += waiting.splice(0).length;
    this.#waitingBytes = 0;
    this.#steering.clear();
    this.#wakeWaiters();
  }

  /** The guest uses fewer pairs now: what waits for this one takes the first. */
  queueStopped(index: number): void {
    const isFirst = index < QUEUES_PER_PAIR;
    // A pair whose queue for sending stops still receives.
    if (isFirst || index % QUEUES_PER_PAIR === SEND_QUEUE) return;
    this.#waiting[0]?.push(...(this.#waiting[index >> 1]?.splice(0) ?? []));
    this.#wiring?.wake(0);
  }

  service(index: number, queue: DeviceQueue, budget: number): number {
    const pair = index >> 1;
    return index % QUEUES_PER_PAIR === SEND_QUEUE
      ? this.#collect(pair, queue, budget)
      : this.#deliver(pair, queue, budget);
  }

  // From the guest

  #collect(pair: number, queue: DeviceQueue, budget: number): number {
    const { maxFrameBytes, send, sendPacket } = this.#options;
    const isSteered = this.#isSteered;
    for (let done = 0; done < budget; done++) {
      if (this.#isPaused) return done; // the frames wait in the guest's own memory
      const chain = queue.pop();
      if (chain === null) return done;
      const packet = queue.read(chain);
      if (packet === null) return done;
      if (isSteered) this.#steering.learn(packet, NET_HEADER_BYTES, pair);
      if (sendPacket !== undefined) sendPacket(packet);
      else if (!framesOf(packet, maxFrameBytes, send)) this.counts.malformed++;
      queue.complete(chain);
    }
    return budget;
  }

  // To the guest

  /** The guest's kernel finishes what the header says is left. */
  #takes(packet: Buffer): boolean {
    const kind = packet[1] ?? 0;
    let needed = ((packet[0] ?? 0) & NEEDS_CHECKSUM) === 0 ? 0n : FEATURE_GUEST_CHECKSUM;
    if (kind === GSO_TCP4) needed |= FEATURE_GUEST_TCP4;
    if (kind === GSO_TCP6) needed |= FEATURE_GUEST_TCP6;
    return (this.#negotiated() & needed) === needed;
  }

  /** The guest has a network card running. */
  get #isRunning(): boolean {
    return this.#wiring?.queue(0) != null;
  }

  /** The guest may use several pairs. */
  get #isSteered(): boolean {
    return this.queuePairs > 1 && (this.#negotiated() & FEATURE_MULTIQUEUE) !== 0n;
  }

  /** The pairs that the guest uses are the first ones. */
  get #pairsInUse(): number {
    let pairs = 1;
    while (pairs < this.queuePairs && this.#wiring?.queue(QUEUES_PER_PAIR * pairs) != null) pairs++;
    return pairs;
  }

  #push(packet: Buffer): void {
    const pair = this.#isSteered ? this.#steering.pairFor(packet, NET_HEADER_BYTES, this.#pairsInUse) : 0;
    this.#waiting[pair]?.push(packet);
    this.#waitingBytes += packet.length;
    this.#wiring?.wake(QUEUES_PER_PAIR * pair);
  }

  #deliver(pair: number, queue: DeviceQueue, budget: number): number {
    const waiting = this.#waiting[pair] ?? [];
    const mayMerge = (this.#negotiated() & FEATURE_MERGEABLE) !== 0n;
    let done = 0;
    let taken = 0;
    while (done < budget) {
      const packet = waiting[taken];
      if (packet === undefined) break;
      const used = this.#place(queue, packet, mayMerge ? MAX_NET_BUFFERS : 1);
      if (used === 0) break;
      done += used;
      taken++;
      this.#waitingBytes -= packet.length;
    }
    if (taken > 0) waiting.splice(0, taken);
    if (this.isReady) this.#wakeWaiters();
    return done;
  }

  /**
   * The number of buffers that the frame took, or that were too small for it. 0: the guest has too few buffers for now.
   */
  #place(queue: DeviceQueue, packet: Buffer, maxBuffers: number): number {
    const chains: Chain[] = [];
    let room = 0;
    while (room < packet.length && chains.length < maxBuffers) {
      const chain = queue.pop();
      if (chain === null) {
        queue.putBack(chains.length);
        return 0;
      }
      chains.push(chain);
      room += chain.writableBytes;
    }
    if (room < packet.length) {
      this.counts.tooLong++;
      for (const _ of chains) queue.unpop();
      return chains.length;
    }
    packet.writeUInt16LE(chains.length, NUM_BUFFERS);
    let at = 0;
    for (const chain of chains) {
      const end = Math.min(at + chain.writableBytes, packet.length);
      queue.complete(chain, packet.subarray(at, end));
      at = end;
    }
    return chains.length;
  }

  #wakeWaiters(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}

/** The frame behind room for a header, which has whatever bytes were there before. */
function packetOf(frame: Uint8Array): Buffer {
  const packet = Buffer.allocUnsafe(NET_HEADER_BYTES + frame.length);
  packet.set(frame, NET_HEADER_BYTES);
  return packet;
}
