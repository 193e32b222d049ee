/** A VMM for tests: the front-end's side of vhost-user over a real socket, with a guest's memory in a real memfd. */
import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { type Descriptor, openSystem, type System, type Watch } from '../../../clients/devices/sys/index.ts';
import { Feature, ProtocolFeature, Request } from '../../../clients/devices/vhost-user/index.ts';
import type { QueuePlace } from '../../../clients/devices/virtqueue/index.ts';
import { DriverQueue } from './driver-queue.ts';

/** The guest sees its memory here, the VMM there: no address is valid on the other side. */
export const GUEST_BASE = 0x4000_0000;
export const USER_BASE = 0x7f00_0000_0000;
export const MEMORY_BYTES = 4 * 1_048_576;

const HEADER_BYTES = 12;
const ALL_FEATURES = Feature.version1 | Feature.protocolFeatures | Feature.indirect;

export class FrontEnd {
  readonly system: System;
  readonly memory: Descriptor;
  readonly #socket: Descriptor;
  readonly #watch: Watch;
  #bytes = Buffer.alloc(0);
  #isEnded = false;
  readonly #waiters = new Set<() => void>();
  readonly #kicks: (Descriptor | null)[] = [];
  readonly #calls: (Descriptor | null)[] = [];
  readonly #closers: (() => void)[] = [];
  readonly queues: DriverQueue[] = [];
  /** Where a test may put buffers. */
  free = 0;

  private constructor(system: System, path: string) {
    this.system = system;
    this.memory = system.sealedMemory('guest', MEMORY_BYTES);
    this.#socket = system.connect(path);
    this.#watch = system.watch(this.#socket, () => this.#read());
  }

  static async attach(path: string): Promise<FrontEnd> {
    return new FrontEnd(openSystem(), path);
  }

  /** The other side has closed the connection. */
  async ended(): Promise<void> {
    while (!this.#isEnded) await this.#event();
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Guest memory, as the driver in the guest uses it. */
  read(address: number, into: Uint8Array): boolean {
    return readSync(this.memory.fd, into, 0, into.length, address - GUEST_BASE) === into.length;
  }

  write(address: number, from: Uint8Array): boolean {
    return writeSync(this.memory.fd, from, 0, from.length, address - GUEST_BASE) === from.length;
  }

  send(request: number, payload: Buffer, descriptors: readonly Descriptor[] = [], flags = 1): void {
    const message = Buffer.alloc(HEADER_BYTES + payload.length);
    message.writeUInt32LE(request, 0);
    message.writeUInt32LE(flags, 4);
    message.writeUInt32LE(payload.length, 8);
    payload.copy(message, HEADER_BYTES);
    this.sendRaw(message, descriptors);
  }

  sendRaw(bytes: Buffer, descriptors: readonly Descriptor[] = []): void {
    this.system.send(this.#socket, bytes, descriptors);
  }

  /** The payload of the answer. */
  async ask(request: number, payload: Buffer, descriptors: readonly Descriptor[] = [], flags = 1): Promise<Buffer> {
    this.send(request, payload, descriptors, flags);
    for (;;) {
      if (this.#bytes.length >= HEADER_BYTES) {
        const length = HEADER_BYTES + this.#bytes.readUInt32LE(8);
        if (this.#bytes.length >= length) {
          const message = this.#bytes.subarray(0, length);
          this.#bytes = this.#bytes.subarray(length);
          if (message.readUInt32LE(0) !== request) throw new Error(`an answer to ${message.readUInt32LE(0)}`);
          return message.subarray(HEADER_BYTES);
        }
      }
      if (this.#isEnded) throw new Error('the connection ended');
      await this.#event();
    }
  }

  /** Sends a request and waits until it was handled; for requests without an answer of their own. */
  async tell(request: number, payload: Buffer, descriptors: readonly Descriptor[] = []): Promise<bigint> {
    return (await this.ask(request, payload, descriptors, 1 | 8)).readBigUInt64LE(0);
  }

  /** What QEMU does for a device with `count` queues of `size` descriptors. */
  async start(count: number, { size = 64, features = 0n } = {}): Promise<void> {
    await this.negotiate(features);
    await this.tell(Request.setMemTable, table([{}]), [this.memory]);
    let at = GUEST_BASE;
    for (let index = 0; index < count; index++) {
      const queue = new DriverQueue(this, at, size, (features & Feature.eventIndex) !== 0n);
      this.queues[index] = queue;
      at = Math.ceil(queue.end / 4_096) * 4_096;
      await this.startQueue(index);
    }
    this.free = at;
  }

  async negotiate(features = 0n): Promise<void> {
    await this.ask(Request.getFeatures, Buffer.alloc(0));
    const protocol = await this.ask(Request.getProtocolFeatures, Buffer.alloc(0));
    this.send(Request.setProtocolFeatures, u64(protocol.readBigUInt64LE(0) & ~ProtocolFeature.status));
    this.send(Request.setOwner, Buffer.alloc(0));
    this.send(Request.setFeatures, u64(ALL_FEATURES | features));
  }

  async startQueue(index: number, next = 0): Promise<void> {
    const queue = this.queues[index];
    if (queue === undefined) throw new Error(`no queue ${index}`);
    await this.startRing(index, queue.size, queue.place, next);
  }

  async startRing(index: number, size: number, place: QueuePlace, next: number): Promise<void> {
    await this.tell(Request.setVringNum, words(index, size));
    await this.tell(Request.setVringBase, words(index, next));
    await this.tell(Request.setVringAddr, ringAddress(index, place));
    for (const [request, list] of [
      [Request.setVringCall, this.#calls],
      [Request.setVringKick, this.#kicks],
    ] as const) {
      const event = this.system.eventfd();
      list[index] = event;
      await this.tell(request, u64(BigInt(index)), [event]);
    }
    const call = this.#calls[index];
    if (call != null) {
      const watch = this.system.watch(call, () => {
        this.system.drain(call);
        this.wake();
      });
      this.#closers.push(() => {
        watch.close();
        call.close();
      });
    }
    await this.tell(Request.setVringEnable, words(index, 1));
  }

  kick(index: number): void {
    const kick = this.#kicks[index];
    if (kick != null) this.system.signal(kick);
  }

  /** Room for a buffer in guest memory. */
  place(length: number): number {
    const address = this.free;
    this.free += Math.ceil(length / 16) * 16;
    return address;
  }

  /** Waits for the next interrupt or message. */
  event(): Promise<void> {
    return this.#event();
  }

  wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close();
    for (const kick of this.#kicks.splice(0)) kick?.close();
    this.#watch.close();
    this.#socket.close();
    this.memory.close();
  }

  #event(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        resolve();
      };
      this.#waiters.add(wake);
    });
  }

  #read(): void {
    const received = this.system.receive(this.#socket, 4_096);
    if (received.status === 'again') return;
    if (received.status === 'bytes') this.#bytes = Buffer.concat([this.#bytes, received.bytes]);
    else {
      this.#isEnded = true;
      this.#watch.close();
    }
    this.wake();
  }
}

/** Bytes of a file that the test changes the size of. */
export function truncate(descriptor: Descriptor, bytes: number): void {
  ftruncateSync(descriptor.fd, bytes);
}

export function sizeOf(descriptor: Descriptor): number {
  return fstatSync(descriptor.fd).size;
}

export interface RegionInput {
  readonly guest?: number | bigint;
  readonly size?: number | bigint;
  readonly user?: number | bigint;
  readonly offset?: number | bigint;
}

/** Payload of SET_MEM_TABLE. */
export function table(regions: readonly RegionInput[]): Buffer {
  const payload = Buffer.alloc(8 + 32 * regions.length);
  payload.writeUInt32LE(regions.length, 0);
  for (const [index, each] of regions.entries()) region(each).copy(payload, 8 + 32 * index);
  return payload;
}

/** Payload of ADD_MEM_REG and REM_MEM_REG. */
export function oneRegion(each: RegionInput): Buffer {
  return Buffer.concat([Buffer.alloc(8), region(each)]);
}

function region({ guest = GUEST_BASE, size = MEMORY_BYTES, user = USER_BASE, offset = 0 }: RegionInput): Buffer {
  return Buffer.concat([u64(BigInt(guest)), u64(BigInt(size)), u64(BigInt(user)), u64(BigInt(offset))]);
}

export function ringAddress(index: number, place: QueuePlace): Buffer {
  const user = (address: number): Buffer => u64(BigInt(address - GUEST_BASE + USER_BASE));
  return Buffer.concat([words(index, 0), user(place.descriptors), user(place.used), user(place.available), u64(0n)]);
}

export function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}
