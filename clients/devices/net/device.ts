/**
 * The network card of one guest (VIRTIO 1.2 §5.1): its frames become messages on an Ethernet link, and frames of the
 * link's peers become buffers of the guest. The broker decides each frame, as on every link.
 *
 * The device finishes checksums and cuts long TCP segments, which the guest leaves to it (`packet.ts`), so that what the
 * broker inspects is what a cable would carry. Towards the guest a frame may be spread over several buffers.
 * Nothing is lost unseen: what the guest has no buffer for waits, then slows the peers, and every loss has a counter.
 */
import { framesOf, type LinkAttachment, NET_HEADER_BYTES } from '../../agents/network/index.ts';
import type { VirtioDevice, Wiring } from '../vhost-user/index.ts';
import type { Chain, DeviceQueue } from '../virtqueue/index.ts';
import { MAX_NET_BUFFERS, MAX_NET_PACKET_BYTES, NET_WAITING_BYTES } from './limits.ts';

/** Queues, from the driver's side: it receives at the first, sends at the second. The VMM keeps the control queue. */
const RECEIVE_QUEUE = 0;
const SEND_QUEUE = 1;

const FEATURE_CHECKSUM = 1n << 0n;
const FEATURE_TCP4_SEGMENTS = 1n << 11n;
const FEATURE_TCP6_SEGMENTS = 1n << 12n;
const FEATURE_MERGEABLE = 1n << 15n;
const NUM_BUFFERS = 10;

export interface NetCounts {
  /** Packets of the guest that make no sense. */
  malformed: number;
  /** Frames for the guest that do not fit its buffers. */
  tooLong: number;
  /** Frames that came while the guest had no network card running, or waited when it stopped. */
  nothingAttached: number;
}

export interface NetDeviceOptions {
  /** Takes a frame of the guest: a view that is valid during the call. */
  readonly send: (frame: Uint8Array) => void;
  /** The longest frame that the link takes. */
  readonly maxFrameBytes: number;
}

export class NetDevice implements VirtioDevice, LinkAttachment {
  readonly queueCount = 2;
  readonly maxReadableBytes = NET_HEADER_BYTES + MAX_NET_PACKET_BYTES;
  readonly features = FEATURE_CHECKSUM | FEATURE_TCP4_SEGMENTS | FEATURE_TCP6_SEGMENTS | FEATURE_MERGEABLE;
  /** The MAC is in the config space, which the VMM keeps. */
  readonly config = null;
  readonly counts: NetCounts = { malformed: 0, tooLong: 0, nothingAttached: 0 };
  readonly #options: NetDeviceOptions;
  readonly #waiters: (() => void)[] = [];
  /** Frames for the guest, with room for a header in front of each. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #wiring: Wiring | null = null;
  #negotiated: () => bigint = () => 0n;
  #isPaused = false;

  constructor(options: NetDeviceOptions) {
    this.#options = options;
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
    if (this.#wiring?.queue(RECEIVE_QUEUE) == null) {
      this.counts.nothingAttached++;
      return;
    }
    const packet = Buffer.alloc(NET_HEADER_BYTES + frame.length);
    packet.set(frame, NET_HEADER_BYTES);
    this.#waiting.push(packet);
    this.#waitingBytes += packet.length;
    this.#wiring.wake(RECEIVE_QUEUE);
  }

  ready(): Promise<void> {
    return this.isReady ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#wiring?.wake(SEND_QUEUE);
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
    this.counts.nothingAttached += this.#waiting.length;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#wakeWaiters();
  }

  service(index: number, queue: DeviceQueue, budget: number): number {
    if (index === RECEIVE_QUEUE) return this.#deliver(queue, budget);
    return index === SEND_QUEUE ? this.#collect(queue, budget) : 0;
  }

  // From the guest

  #collect(queue: DeviceQueue, budget: number): number {
    const { maxFrameBytes, send } = this.#options;
    for (let done = 0; done < budget; done++) {
      if (this.#isPaused) return done; // the frames wait in the guest's own memory
      const chain = queue.pop();
      if (chain === null) return done;
      const packet = queue.read(chain);
      if (packet === null) return done;
      if (!framesOf(packet, maxFrameBytes, send)) this.counts.malformed++;
      queue.complete(chain);
    }
    return budget;
  }

  // To the guest

  #deliver(queue: DeviceQueue, budget: number): number {
    const mayMerge = (this.#negotiated() & FEATURE_MERGEABLE) !== 0n;
    let done = 0;
    let taken = 0;
    while (done < budget) {
      const packet = this.#waiting[taken];
      if (packet === undefined) break;
      const used = this.#place(queue, packet, mayMerge ? MAX_NET_BUFFERS : 1);
      if (used === 0) break;
      done += used;
      taken++;
      this.#waitingBytes -= packet.length;
    }
    if (taken > 0) this.#waiting.splice(0, taken);
    if (this.isReady) this.#wakeWaiters();
    return done;
  }

  /** The number of buffers that the frame took, or that were too small for it. 0: the guest has too few buffers for now. */
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
