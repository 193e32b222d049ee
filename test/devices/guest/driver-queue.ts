/** The driver's side of a split virtqueue, for tests: what a guest's kernel does, in guest memory that it is given. */
import { type QueuePlace, splitQueueBytes } from '../../../clients/devices/virtqueue/index.ts';

export interface DriverMemory {
  read(address: number, into: Uint8Array): boolean;
  write(address: number, from: Uint8Array): boolean;
}

export interface BufferPlace {
  readonly address: number;
  readonly length: number;
  readonly isWritable: boolean;
}

export interface Used {
  readonly head: number;
  readonly length: number;
}

/** Memory that is one buffer, starting at an address that is not zero. */
export class FlatMemory implements DriverMemory {
  readonly bytes: Buffer;
  readonly base: number;
  /** Every range that was read since a test set it to a list. */
  reads: [address: number, length: number][] | null = null;

  constructor(size: number, base = 0x10_0000) {
    this.bytes = Buffer.alloc(size);
    this.base = base;
  }

  has(address: number, length: number): boolean {
    const at = address - this.base;
    return at >= 0 && at < this.bytes.length && length <= this.bytes.length - at;
  }

  read(address: number, into: Uint8Array): boolean {
    if (!this.has(address, into.length)) return false;
    this.reads?.push([address, into.length]);
    const at = address - this.base;
    into.set(this.bytes.subarray(at, at + into.length));
    return true;
  }

  write(address: number, from: Uint8Array): boolean {
    if (!this.has(address, from.length)) return false;
    this.bytes.set(from, address - this.base);
    return true;
  }
}

export class DriverQueue {
  readonly size: number;
  readonly place: QueuePlace;
  /** First byte behind the queue. */
  readonly end: number;
  readonly #memory: DriverMemory;
  readonly #hasEventIndex: boolean;
  #available = 0;
  #used = 0;
  #nextDescriptor = 0;

  constructor(memory: DriverMemory, address: number, size: number, hasEventIndex = false) {
    this.size = size;
    this.#memory = memory;
    this.#hasEventIndex = hasEventIndex;
    const bytes = splitQueueBytes(size);
    const available = address + bytes.descriptors;
    const used = Math.ceil((available + bytes.available) / 4) * 4;
    this.place = { descriptors: address, available, used };
    this.end = used + bytes.used;
    memory.write(address, Buffer.alloc(this.end - address));
  }

  /** Writes descriptors one behind the other and makes the chain available; returns its head. */
  add(buffers: readonly BufferPlace[], indirectAt: number | null = null): number {
    const head = this.#nextDescriptor % this.size;
    if (indirectAt === null) {
      buffers.forEach((buffer, index) => {
        const flags = (buffer.isWritable ? 2 : 0) | (index < buffers.length - 1 ? 1 : 0);
        this.describe((head + index) % this.size, buffer.address, buffer.length, flags, (head + index + 1) % this.size);
      });
      this.#nextDescriptor += buffers.length;
    } else {
      buffers.forEach((buffer, index) => {
        const flags = (buffer.isWritable ? 2 : 0) | (index < buffers.length - 1 ? 1 : 0);
        this.#memory.write(indirectAt + 16 * index, descriptor(buffer.address, buffer.length, flags, index + 1));
      });
      this.describe(head, indirectAt, 16 * buffers.length, 4, 0);
      this.#nextDescriptor += 1;
    }
    this.publish(head);
    return head;
  }

  /** One descriptor, whatever it says. */
  describe(index: number, address: number | bigint, length: number, flags: number, next: number): void {
    this.#memory.write(this.place.descriptors + 16 * index, descriptor(address, length, flags, next));
  }

  publish(head: number): void {
    this.#memory.write(this.place.available + 4 + 2 * (this.#available % this.size), u16(head));
    this.#available = (this.#available + 1) & 0xffff;
    this.setAvailable(this.#available);
  }

  setAvailable(index: number): void {
    this.#memory.write(this.place.available + 2, u16(index));
  }

  /** "No interrupts", without event index. */
  setQuiet(isQuiet: boolean): void {
    this.#memory.write(this.place.available, u16(isQuiet ? 1 : 0));
  }

  /** With event index: interrupt when the chain with this used index has been given back. */
  setUsedEvent(index: number): void {
    this.#memory.write(this.place.available + 4 + 2 * this.size, u16(index));
  }

  /** With event index: the available index that the device wants to be kicked for. */
  availableEvent(): number {
    return this.#read16(this.place.used + 4 + 8 * this.size);
  }

  /** What the device has given back since the last call. */
  take(): Used[] {
    const found: Used[] = [];
    const index = this.#read16(this.place.used + 2);
    const element = Buffer.alloc(8);
    while (this.#used !== index) {
      this.#memory.read(this.place.used + 4 + 8 * (this.#used % this.size), element);
      found.push({ head: element.readUInt32LE(0), length: element.readUInt32LE(4) });
      this.#used = (this.#used + 1) & 0xffff;
    }
    if (this.#hasEventIndex) this.setUsedEvent(this.#used);
    return found;
  }

  #read16(address: number): number {
    const bytes = Buffer.alloc(2);
    this.#memory.read(address, bytes);
    return bytes.readUInt16LE(0);
  }
}

function descriptor(address: number | bigint, length: number, flags: number, next: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(BigInt(address), 0);
  bytes.writeUInt32LE(length, 8);
  bytes.writeUInt16LE(flags, 12);
  bytes.writeUInt16LE(next, 14);
  return bytes;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value & 0xffff);
  return bytes;
}
