/** The driver's side of a packed virtqueue, for tests: what a guest's kernel does, in guest memory that it is given. */
import { packedQueueBytes, type QueuePlace } from '../../../clients/devices/virtqueue/index.ts';
import type { BufferPlace, DriverMemory, Used } from './driver-queue.ts';

const [NEXT, WRITE, INDIRECT] = [1, 2, 4];
const [AVAILABLE, USED] = [1 << 7, 1 << 15];

export class PackedDriverQueue {
  readonly size: number;
  readonly place: QueuePlace;
  /** First byte behind the queue. */
  readonly end: number;
  readonly #memory: DriverMemory;
  readonly #hasEventIndex: boolean;
  #next = 0;
  #nextWrap = true;
  #used = 0;
  #usedWrap = true;
  #id = 0;
  /** Descriptors of the ring that each chain takes, by the driver's name for it. */
  readonly #counts = new Map<number, number>();

  constructor(memory: DriverMemory, address: number, size: number, hasEventIndex = false) {
    this.size = size;
    this.#memory = memory;
    this.#hasEventIndex = hasEventIndex;
    const bytes = packedQueueBytes(size);
    const available = address + bytes.descriptors;
    this.place = { descriptors: address, available, used: available + bytes.available };
    this.end = this.place.used + bytes.used;
    memory.write(address, Buffer.alloc(this.end - address));
  }

  /** Where the next descriptor goes, as the device names it. */
  get word(): number {
    return this.#next | (this.#nextWrap ? 0x8000 : 0);
  }

  /** Makes a chain available and returns its name. The flags of the first descriptor are written last. */
  add(buffers: readonly BufferPlace[], indirectAt: number | null = null): number {
    const id = this.#id;
    this.#id = (this.#id + 1) % this.size;
    if (indirectAt !== null) {
      for (const [index, { address, length, isWritable }] of buffers.entries())
        this.#memory.write(indirectAt + 16 * index, descriptor(address, length, 0, isWritable ? WRITE : 0));
    }
    const ring =
      indirectAt === null
        ? buffers.map(({ address, length, isWritable }, index) => ({
            address,
            length,
            flags: (isWritable ? WRITE : 0) | (index < buffers.length - 1 ? NEXT : 0),
          }))
        : [{ address: indirectAt, length: 16 * buffers.length, flags: INDIRECT }];
    this.#counts.set(id, ring.length);
    let first: (() => void) | null = null;
    for (const { address, length, flags } of ring) {
      const owner = this.#nextWrap ? AVAILABLE : USED;
      const at = this.place.descriptors + 16 * this.#next;
      const whole = descriptor(address, length, id, flags | owner);
      if (first === null) {
        this.#memory.write(at, whole.subarray(0, 14));
        first = () => this.#memory.write(at + 14, whole.subarray(14));
      } else this.#memory.write(at, whole);
      this.#advance();
    }
    first?.();
    return id;
  }

  /** One descriptor of the ring, whatever it says, available in the first round. */
  describe(index: number, address: number | bigint, length: number, flags: number, id = 0): void {
    this.#memory.write(this.place.descriptors + 16 * index, descriptor(address, length, id, flags | AVAILABLE));
  }

  /** "No interrupts". */
  setQuiet(isQuiet: boolean): void {
    this.#memory.write(this.place.available + 2, u16(isQuiet ? 1 : 0));
  }

  /** With event index: interrupt when the descriptor of this word has been given back. */
  setUsedEvent(word: number): void {
    this.#memory.write(this.place.available, u16(word));
    this.#memory.write(this.place.available + 2, u16(2));
  }

  /** With event index: the word of the descriptor that the device wants to be kicked for; null: for each one. */
  availableEvent(): number | null {
    return this.#read16(this.place.used + 2) === 2 ? this.#read16(this.place.used) : null;
  }

  /** What the device has given back since the last call. */
  take(): Used[] {
    const found: Used[] = [];
    for (;;) {
      const bytes = Buffer.alloc(16);
      this.#memory.read(this.place.descriptors + 16 * this.#used, bytes);
      const flags = bytes.readUInt16LE(14);
      const [isAvailable, isUsed] = [(flags & AVAILABLE) !== 0, (flags & USED) !== 0];
      if (isAvailable !== isUsed || isUsed !== this.#usedWrap) break;
      const id = bytes.readUInt16LE(12);
      found.push({ head: id, length: bytes.readUInt32LE(8) });
      this.#used += this.#counts.get(id) ?? this.size;
      this.#counts.delete(id);
      if (this.#used >= this.size) {
        this.#used -= this.size;
        this.#usedWrap = !this.#usedWrap;
      }
    }
    if (this.#hasEventIndex) this.setUsedEvent(this.#used | (this.#usedWrap ? 0x8000 : 0));
    return found;
  }

  #advance(): void {
    this.#next++;
    if (this.#next < this.size) return;
    this.#next = 0;
    this.#nextWrap = !this.#nextWrap;
  }

  #read16(address: number): number {
    const bytes = Buffer.alloc(2);
    this.#memory.read(address, bytes);
    return bytes.readUInt16LE(0);
  }
}

function descriptor(address: number | bigint, length: number, id: number, flags: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(BigInt(address), 0);
  bytes.writeUInt32LE(length, 8);
  bytes.writeUInt16LE(id, 12);
  bytes.writeUInt16LE(flags, 14);
  return bytes;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value & 0xffff);
  return bytes;
}
