/**
 * The device's side of one vhost-user connection: messages in, replies out, queues started and stopped.
 *
 * Two kinds of fault are kept apart. A fault of the *VMM* (a message that the protocol does not allow) ends the
 * connection. A fault of the *guest* (a wrong descriptor) only stops the device: the connection stays, nothing is
 * processed, and a reset of the guest starts again. So a guest cannot make its VMM connect again and again.
 *
 * VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD is not offered: the device holds no chain between two wake-ups, so a new process
 * continues from the used index.
 */
import { CHAINS_PER_WAKE_UP, MAX_MEMORY_REGIONS, MAX_MESSAGE_DESCRIPTORS } from '../base/index.ts';
import { GuestMemory, type MemoryRegion, memoryFile } from '../memory/index.ts';
import type { Descriptor, System } from '../sys/index.ts';
import { QUEUE_FAULTS } from '../virtqueue/index.ts';
import type { VirtioDevice, Wiring } from './device.ts';
import {
  decodeRegion,
  encodeReply,
  exactU64,
  Feature,
  FLAG_NEED_REPLY,
  MAX_CONFIG_BYTES,
  MAX_QUEUE_SIZE,
  nameOf,
  ProtocolFeature,
  REGION_BYTES,
  Request,
  u64,
  VERSION,
  VERSION_MASK,
  VRING_INDEX_MASK,
  VRING_NO_DESCRIPTOR,
} from './protocol.ts';
import { VringSetup } from './ring.ts';

const EVERY_DEVICE =
  Feature.version1 | Feature.protocolFeatures | Feature.indirect | Feature.eventIndex | Feature.packed;

export interface BackendEvents {
  /** False: the VMM does not read its replies. */
  reply(message: Buffer): boolean;
  /** The guest did something wrong; its device is stopped. */
  guestFault(reason: string): void;
}

/** The result of a message. Null: the message was carried out. A string: the fault of the VMM. */
type Verdict = string | null;

export class Backend {
  readonly #device: VirtioDevice;
  readonly #system: System;
  readonly #events: BackendEvents;
  readonly #memory = new GuestMemory();
  readonly #rings: readonly VringSetup[];
  readonly #pending = new Set<VringSetup>();
  /**
   * Queues that were served on a kick, with the number of chains. Their chains are given back at the end of the turn.
   */
  readonly #served = new Map<VringSetup, number>();
  #features = 0n;
  #protocol = 0n;
  #status = 0;
  #isStopped = false;
  #isScheduled = false;
  #isClosed = false;

  constructor(device: VirtioDevice, system: System, events: BackendEvents) {
    this.#device = device;
    this.#system = system;
    this.#events = events;
    this.#rings = Array.from({ length: device.queueCount }, (_, index) => new VringSetup(index));
    const wiring: Wiring = {
      queue: (index) => (this.#isStopped ? null : (this.#rings[index]?.queue ?? null)),
      wake: (index) => this.#wake(this.#rings[index]),
    };
    device.attach(wiring, () => this.#features);
  }

  /** Takes over the descriptors. Returns why the VMM is at fault, or null. */
  message(request: number, flags: number, payload: Buffer, descriptors: readonly Descriptor[]): Verdict {
    // A queue that the VMM stops or moves has given its chains back.
    this.#finishServed();
    const left = [...descriptors];
    const verdict =
      (flags & VERSION_MASK) === VERSION ? this.#handle(request, flags, payload, left) : 'another version';
    for (const descriptor of left) descriptor.close();
    return verdict === null ? null : `${nameOf(request)}: ${verdict}`;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const ring of this.#rings) ring.close();
    this.#memory.replace([]);
    this.#device.reset();
  }

  #handle(request: number, flags: number, payload: Buffer, descriptors: Descriptor[]): Verdict {
    const size = PAYLOAD_BYTES.get(request);
    if (size !== undefined && payload.length !== size) return `expected ${size} bytes, got ${payload.length}`;
    let isDone = true;
    let verdict: Verdict = null;
    switch (request) {
      case Request.getFeatures:
        return this.#replyU64(request, this.#offered);
      case Request.getProtocolFeatures:
        return this.#replyU64(request, this.#offeredProtocol);
      case Request.getQueueNum:
        return this.#replyU64(request, BigInt(this.#device.queuePairs ?? this.#rings.length));
      case Request.getMaxMemSlots:
        return this.#replyU64(request, BigInt(MAX_MEMORY_REGIONS));
      case Request.getStatus:
        return this.#replyU64(request, BigInt(this.#status));
      case Request.getVringBase:
        return this.#getVringBase(payload);
      case Request.getConfig:
        return this.#getConfig(payload);
      case Request.setOwner:
        break;
      case Request.setFeatures:
        verdict = this.#setFeatures(payload);
        break;
      case Request.setProtocolFeatures:
        this.#protocol = payload.readBigUInt64LE(0);
        if ((this.#protocol & ~this.#offeredProtocol) !== 0n) verdict = 'a feature that was not offered';
        break;
      case Request.setMemTable:
        verdict = this.#setMemTable(payload, descriptors);
        break;
      case Request.addMemReg:
        verdict = this.#addMemReg(payload, descriptors);
        break;
      case Request.remMemReg:
        verdict = this.#remMemReg(payload);
        break;
      case Request.setVringNum:
      case Request.setVringBase:
      case Request.setVringEnable:
        verdict = this.#setVringNumber(request, payload);
        break;
      case Request.setVringAddr:
        verdict = this.#setVringAddr(payload);
        break;
      case Request.setVringKick:
      case Request.setVringCall:
      case Request.setVringErr:
        verdict = this.#setVringEvent(request, payload, descriptors);
        break;
      case Request.setStatus:
        this.#status = Number(payload.readBigUInt64LE(0) & 0xffn);
        if (this.#status === 0) this.#reset();
        break;
      case Request.resetDevice:
      case Request.resetOwner:
        this.#reset();
        break;
      default:
        isDone = false; // SET_CONFIG, too: no device here has anything to set
    }
    if (verdict !== null) return verdict;
    if ((flags & FLAG_NEED_REPLY) === 0 || (this.#protocol & ProtocolFeature.replyAck) === 0n) return null;
    return this.#replyU64(request, isDone ? 0n : 1n);
  }

  get #offered(): bigint {
    return EVERY_DEVICE | this.#device.features;
  }

  get #offeredProtocol(): bigint {
    const { multiqueue, replyAck, resetDevice, configureMemSlots, status, config } = ProtocolFeature;
    const { queuePairs } = this.#device;
    let offered = replyAck | resetDevice | status;
    if (this.#device.config !== null) offered |= config;
    // With one pair there is nothing to ask for: QEMU holds it for one, and refuses `queues=2` in its own words; Cloud
    // Hypervisor would compare the answer, a number of pairs, with its number of queues.
    if (queuePairs !== 1) offered |= multiqueue;
    // QEMU 7.2 keeps a memory table for each pair, and sends each region and each removal again for each of them. The
    // whole table is sent once by every version, and replaces the old one at once, so no running queue loses its memory.
    if (queuePairs === undefined || queuePairs === 1) offered |= configureMemSlots;
    return offered;
  }

  #reply(request: number, payload: Buffer): Verdict {
    return this.#events.reply(encodeReply(request, payload)) ? null : 'the reply was not read';
  }

  #replyU64(request: number, value: bigint): Verdict {
    return this.#reply(request, u64(value));
  }

  #setFeatures(payload: Buffer): Verdict {
    const features = payload.readBigUInt64LE(0);
    if ((features & ~this.#offered) !== 0n) return 'a feature that was not offered';
    this.#features = features;
    for (const ring of this.#rings) ring.isPacked = (features & Feature.packed) !== 0n;
    // Without protocol features there is no SET_VRING_ENABLE: rings are enabled from the start.
    if ((features & Feature.protocolFeatures) === 0n) for (const ring of this.#rings) ring.isEnabled = true;
    return null;
  }

  #setMemTable(payload: Buffer, descriptors: Descriptor[]): Verdict {
    const count = payload.length < 8 ? -1 : payload.readUInt32LE(0);
    if (count < 0 || count > MAX_MESSAGE_DESCRIPTORS || payload.length < 8 + count * REGION_BYTES)
      return 'a wrong length';
    if (count !== descriptors.length) return `${count} regions with ${descriptors.length} descriptors`;
    const table = new GuestMemory();
    for (let index = 0; index < count; index++) {
      const region = this.#region(payload, 8 + index * REGION_BYTES, descriptors, table);
      if (typeof region === 'string') {
        table.replace([]);
        return region;
      }
      table.add(region);
    }
    this.#memory.replace(table.regions);
    return this.#relocate();
  }

  #addMemReg(payload: Buffer, descriptors: Descriptor[]): Verdict {
    if (this.#memory.regions.length >= MAX_MEMORY_REGIONS) return 'too many regions';
    const region = this.#region(payload, 8, descriptors, this.#memory);
    if (typeof region === 'string') return region;
    this.#memory.add(region);
    return this.#relocate();
  }

  /** Takes the next descriptor. */
  #region(payload: Buffer, at: number, descriptors: Descriptor[], among: GuestMemory): MemoryRegion | string {
    const words = decodeRegion(payload, at);
    const descriptor = descriptors.shift();
    if (descriptor === undefined) return 'a region without a descriptor';
    const file = words === null || among.overlaps(words) ? null : memoryFile(descriptor, words.fileOffset + words.size);
    if (words !== null && file !== null) return { ...words, file };
    descriptor.close();
    return 'a region that overlaps another, or is beyond its file';
  }

  #remMemReg(payload: Buffer): Verdict {
    const words = decodeRegion(payload, 8);
    if (words === null || !this.#memory.remove(words)) return 'no such region';
    return this.#relocate();
  }

  /** The regions changed, so the queues may be at other addresses of the guest now, or nowhere. */
  #relocate(): Verdict {
    for (const ring of this.#rings) {
      if (ring.queue === null) continue;
      const place = ring.placeIn(this.#memory);
      if (place === null) this.#halt(ring);
      else ring.queue.relocate(place);
    }
    return null;
  }

  #setVringNumber(request: number, payload: Buffer): Verdict {
    const ring = this.#rings[payload.readUInt32LE(0)];
    const value = payload.readUInt32LE(4);
    if (ring === undefined) return `no queue ${payload.readUInt32LE(0)}`;
    if (request === Request.setVringEnable) {
      ring.isEnabled = value === 1;
      if (ring.isEnabled) return this.#start(ring);
      this.#halt(ring);
      return null;
    }
    if (ring.queue !== null) return 'the queue is running';
    if (request === Request.setVringBase) {
      if (value > 0xffff && !ring.isPacked) return `index ${value}`;
      ring.next = value;
      return null;
    }
    const isPower = (value & (value - 1)) === 0;
    if (value === 0 || value > MAX_QUEUE_SIZE || !(isPower || ring.isPacked)) return `${value} descriptors`;
    ring.size = value;
    return null;
  }

  #setVringAddr(payload: Buffer): Verdict {
    const ring = this.#rings[payload.readUInt32LE(0)];
    const descriptors = exactU64(payload, 8);
    const used = exactU64(payload, 16);
    const available = exactU64(payload, 24);
    if (ring === undefined || ring.size === 0) return 'no such queue, or one without a size';
    if (descriptors === null || used === null || available === null) return 'an address beyond 2^53';
    if (descriptors % 16 !== 0 || available % 2 !== 0 || used % 4 !== 0) return 'an address that is not aligned';
    ring.userPlace = { descriptors, available, used };
    const place = ring.placeIn(this.#memory);
    if (place === null) return 'a queue outside of the memory';
    ring.queue?.relocate(place);
    return this.#start(ring);
  }

  #setVringEvent(request: number, payload: Buffer, descriptors: Descriptor[]): Verdict {
    const word = payload.readUInt32LE(0);
    const ring = this.#rings[word & VRING_INDEX_MASK];
    if (ring === undefined) return `no queue ${word & VRING_INDEX_MASK}`;
    const descriptor = (word & VRING_NO_DESCRIPTOR) !== 0 ? null : (descriptors.shift() ?? null);
    if (descriptor === null && (word & VRING_NO_DESCRIPTOR) === 0) return 'an event without a descriptor';
    if (descriptor !== null) this.#system.setNonblocking(descriptor);
    if (request === Request.setVringCall) {
      ring.call?.close();
      ring.call = descriptor;
      // An interrupt that went to the former descriptor, which the VMM does not watch any more, would be lost, and the
      // guest would wait for ever. One interrupt too many does no harm: the driver looks, and finds nothing new.
      if (descriptor !== null && ring.queue !== null) this.#system.signal(descriptor);
      return null;
    }
    if (request === Request.setVringErr) {
      ring.error?.close();
      ring.error = descriptor;
      return null;
    }
    if (descriptor === null) return 'a queue that is to be polled';
    ring.watch?.close();
    ring.kick?.close();
    ring.kick = descriptor;
    ring.watch = this.#system.watch(descriptor, () => {
      this.#system.drain(descriptor);
      this.#kicked(ring);
    });
    return this.#start(ring);
  }

  #start(ring: VringSetup): Verdict {
    const isPlaced = ring.start(this.#memory, {
      hasEventIndex: (this.#features & Feature.eventIndex) !== 0n,
      hasIndirect: (this.#features & Feature.indirect) !== 0n,
      maxReadableBytes: this.#device.maxReadableBytes,
    });
    if (!isPlaced) return 'a queue outside of the memory';
    this.#wake(ring);
    return null;
  }

  #getVringBase(payload: Buffer): Verdict {
    const ring = this.#rings[payload.readUInt32LE(0)];
    if (ring === undefined) return `no queue ${payload.readUInt32LE(0)}`;
    ring.stop();
    this.#device.queueStopped?.(ring.index);
    const answer = Buffer.alloc(8);
    answer.writeUInt32LE(ring.index, 0);
    answer.writeUInt32LE(ring.next >>> 0, 4);
    if (this.#rings.every((each) => each.queue === null)) this.#forget();
    return this.#reply(Request.getVringBase, answer);
  }

  /** Takes no more chains until the VMM starts the queue again; its kicks are heard all the same. */
  #halt(ring: VringSetup): void {
    if (ring.queue === null) return;
    ring.next = ring.queue.next;
    ring.queue = null;
    this.#device.queueStopped?.(ring.index);
  }

  #getConfig(payload: Buffer): Verdict {
    const { config } = this.#device;
    if (payload.length < 12) return 'a wrong length';
    const offset = payload.readUInt32LE(0);
    const size = payload.readUInt32LE(4);
    if (config === null || size > MAX_CONFIG_BYTES || payload.length !== 12 + size) return 'a wrong length';
    const answer = Buffer.alloc(12 + size);
    payload.copy(answer, 0, 0, 12);
    config.copy(answer, 12, Math.min(offset, config.length), Math.min(offset + size, config.length));
    return this.#reply(Request.getConfig, answer);
  }

  #reset(): void {
    for (const ring of this.#rings) {
      ring.stop();
      ring.next = 0;
      ring.isEnabled = false;
    }
    this.#forget();
  }

  /** All queues are stopped: the guest starts again, whatever its earlier state. */
  #forget(): void {
    this.#isStopped = false;
    this.#pending.clear();
    this.#served.clear();
    this.#device.reset();
  }

  #wake(ring: VringSetup | undefined): void {
    if (ring === undefined || ring.queue === null || this.#isStopped) return;
    this.#pending.add(ring);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  /**
   * The guest has new chains. They are served at once and given back later: the messages that they became are sent in
   * between, because another guest waits for them, and this one has no use for the buffers yet.
   */
  #kicked(ring: VringSetup): void {
    const { queue } = ring;
    if (queue === null || this.#isStopped || this.#isClosed) return;
    if (this.#served.has(ring) || this.#pending.has(ring)) {
      this.#wake(ring);
      return;
    }
    this.#served.set(ring, this.#device.service(ring.index, queue, CHAINS_PER_WAKE_UP));
    this.#schedule();
  }

  /** One wake-up: each queue that has work gets its budget. */
  #run(): void {
    this.#isScheduled = false;
    this.#finishServed();
    const rings = [...this.#pending];
    this.#pending.clear();
    for (const ring of rings) {
      const { queue } = ring;
      if (queue === null || this.#isStopped || this.#isClosed) continue;
      this.#finish(ring, this.#device.service(ring.index, queue, CHAINS_PER_WAKE_UP));
    }
  }

  #finishServed(): void {
    if (this.#served.size === 0) return;
    const served = [...this.#served];
    this.#served.clear();
    for (const [ring, done] of served) if (!this.#isStopped && !this.#isClosed) this.#finish(ring, done);
  }

  /** Gives the chains back, and asks for a kick when the queue is empty. */
  #finish(ring: VringSetup, done: number): void {
    const { queue } = ring;
    if (queue === null) return;
    if (queue.flush() && ring.call !== null) this.#system.signal(ring.call);
    // Full budget: there may be more. An empty queue: the guest kicks for the next chain, unless it was there first.
    if (done >= CHAINS_PER_WAKE_UP || (queue.isDrained && queue.rearm())) this.#wake(ring);
    if (queue.fault !== null) this.#stopForFault(ring, QUEUE_FAULTS[queue.fault]);
  }

  #stopForFault(ring: VringSetup, reason: string): void {
    this.#isStopped = true;
    this.#pending.clear();
    this.#served.clear();
    if (ring.error !== null) this.#system.signal(ring.error);
    this.#device.reset();
    this.#events.guestFault(`queue ${ring.index}: ${reason}`);
  }
}

/** Requests whose payload has one length only. */
const PAYLOAD_BYTES: ReadonlyMap<number, number> = new Map([
  [Request.setFeatures, 8],
  [Request.setProtocolFeatures, 8],
  [Request.setVringNum, 8],
  [Request.setVringBase, 8],
  [Request.getVringBase, 8],
  [Request.setVringEnable, 8],
  [Request.setVringKick, 8],
  [Request.setVringCall, 8],
  [Request.setVringErr, 8],
  [Request.setVringAddr, 40],
  [Request.addMemReg, 40],
  [Request.remMemReg, 40],
  [Request.setStatus, 8],
]);
