/**
 * A packed virtqueue, seen from the device (VIRTIO 1.2 §2.8), with indirect descriptors and event indexes: one ring of
 * descriptors that both sides write. Two flags of a descriptor, compared with a wrap counter that changes with each round,
 * say whose it is.
 *
 * The driver writes the flags of a chain's first descriptor last. So the ring is copied twice: what the first copy shows
 * as available is complete in the second one, and only that one is looked at. A copy serves one round at most, because the
 * flags of the round before the last look like those of this one.
 *
 * Invariants: `#at` is the next descriptor to take, `#used` the next to give back; `#popped` are the chains between them.
 * After a fault the queue gives nothing and writes nothing more.
 */
import { MAX_INDIRECT_DESCRIPTORS } from '../base/index.ts';
import {
  addBuffer,
  addressIn,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_WRITE,
  readBuffers,
  writeBuffers,
} from './buffers.ts';
import { Chain } from './chain.ts';
import type { QueueFault } from './fault.ts';
import type { QueueMemory } from './memory.ts';
import type { QueueOptions, QueuePlace, VirtQueue } from './virt-queue.ts';

const FLAGS = 14;
const DESCRIPTOR_AVAILABLE = 1 << 7;
const DESCRIPTOR_USED = 1 << 15;
const EVENT_BYTES = 4;
const EVENT_NONE = 1;
const EVENT_AT_DESCRIPTOR = 2;
const WRAP = 0x8000;
const INDEX_MASK = 0xffff;

/** Bytes of each part. */
export function packedQueueBytes(size: number): QueuePlace {
  return { descriptors: DESCRIPTOR_BYTES * size, available: EVENT_BYTES, used: EVENT_BYTES };
}

/** A place in the ring, in a round whose wrap counter is `wrap`. */
interface Position {
  readonly index: number;
  readonly wrap: boolean;
}

interface Popped {
  readonly chain: Chain;
  /** Descriptors of the ring that it takes. */
  readonly count: number;
}

interface Finished {
  readonly id: number;
  readonly written: number;
  readonly count: number;
}

export class PackedQueue implements VirtQueue {
  readonly #memory: QueueMemory;
  readonly #options: QueueOptions;
  readonly #size: number;
  #place: QueuePlace;
  #at: Position;
  #used: Position;
  readonly #popped: Popped[] = [];
  #finished: Finished[] = [];
  #fault: QueueFault | null = null;
  #isDrained = false;
  /** Chains before it were put back because they are too few: the next kick counts from here. */
  #shortAt: Position | null = null;
  /** The two copies of the ring, and the descriptors from `#at` on that they are good for. */
  readonly #flags: Buffer;
  readonly #table: Buffer;
  #left = 0;
  readonly #word = Buffer.alloc(2);
  readonly #event = Buffer.alloc(EVENT_BYTES);
  readonly #element = Buffer.alloc(6);
  #lent = Buffer.alloc(0);

  constructor(memory: QueueMemory, place: QueuePlace, options: QueueOptions) {
    this.#memory = memory;
    this.#place = place;
    this.#options = options;
    this.#size = options.size;
    // A device holds no chain between two wake-ups, so the next used descriptor is the next available one.
    this.#at = positionOf(options.next, options.size);
    this.#used = this.#at;
    this.#flags = Buffer.alloc(DESCRIPTOR_BYTES * options.size);
    this.#table = Buffer.alloc(DESCRIPTOR_BYTES * options.size);
  }

  get fault(): QueueFault | null {
    return this.#fault;
  }

  get next(): number {
    return wordOf(this.#at) + 0x1_0000 * wordOf(this.#used);
  }

  get isDrained(): boolean {
    return this.#isDrained;
  }

  relocate(place: QueuePlace): void {
    this.#place = place;
  }

  pop(): Chain | null {
    if (this.#fault !== null) return null;
    this.#shortAt = null;
    let isFresh = false;
    if (!this.#isCopied()) {
      isFresh = this.#refresh();
      this.#isDrained = !isFresh || !this.#isCopied();
      if (this.#isDrained) return null;
    }
    this.#isDrained = false;
    let popped = this.#collect();
    // The chain goes on beyond what an older copy is good for.
    if (popped === 'loop' && !isFresh && this.#refresh()) popped = this.#collect();
    if (typeof popped === 'string') return this.#stop(popped);
    this.#popped.push(popped);
    this.#left -= popped.count;
    this.#at = this.#after(this.#at, popped.count);
    return popped.chain;
  }

  unpop(): void {
    const popped = this.#popped.pop();
    if (popped === undefined) return;
    this.#left += popped.count;
    this.#at = this.#before(this.#at, popped.count);
  }

  putBack(count: number): void {
    const end = this.#at;
    for (let index = 0; index < count; index++) this.unpop();
    this.#shortAt = end;
    this.#isDrained = true;
  }

  read(chain: Chain): Buffer | null {
    if (this.#lent.length < chain.readableBytes) this.#lent = Buffer.alloc(chain.readableBytes);
    const bytes = this.#lent.subarray(0, chain.readableBytes);
    if (readBuffers(this.#memory, chain, bytes)) return bytes;
    return this.#stop('memory');
  }

  complete(chain: Chain, bytes: Uint8Array | null = null): void {
    const index = this.#popped.findIndex((popped) => popped.chain === chain);
    const [popped] = index < 0 ? [] : this.#popped.splice(index, 1);
    if (popped === undefined || this.#fault !== null) return;
    const written = bytes === null ? 0 : writeBuffers(this.#memory, chain, bytes);
    if (written < 0) this.#stop('memory');
    else this.#finished.push({ id: chain.head, written, count: popped.count });
  }

  flush(): boolean {
    const finished = this.#finished;
    if (this.#fault !== null || finished.length === 0) return false;
    this.#finished = [];
    const before = this.#used;
    for (const { id, written, count } of finished) {
      const at = this.#place.descriptors + DESCRIPTOR_BYTES * this.#used.index;
      this.#element.writeUInt32LE(written, 0);
      this.#element.writeUInt16LE(id, 4);
      const owner = this.#used.wrap ? DESCRIPTOR_AVAILABLE | DESCRIPTOR_USED : 0;
      this.#word.writeUInt16LE(owner | (written > 0 ? DESCRIPTOR_WRITE : 0));
      // The flags last: with them the descriptor is the driver's.
      if (!this.#memory.write(at + 8, this.#element) || !this.#memory.write(at + FLAGS, this.#word)) {
        this.#stop('memory');
        return false;
      }
      this.#used = this.#after(this.#used, count);
    }
    return this.#wantsInterrupt(before);
  }

  rearm(): boolean {
    if (this.#fault !== null) return false;
    const from = this.#shortAt ?? this.#at;
    if (this.#options.hasEventIndex) {
      this.#event.writeUInt16LE(wordOf(from), 0);
      this.#event.writeUInt16LE(EVENT_AT_DESCRIPTOR, 2);
      if (!this.#memory.write(this.#place.used, this.#event)) {
        this.#stop('memory');
        return false;
      }
    }
    if (!this.#memory.read(this.#place.descriptors + DESCRIPTOR_BYTES * from.index + FLAGS, this.#word)) {
      this.#stop('memory');
      return false;
    }
    const isThere = isAvailable(this.#word.readUInt16LE(0), from.wrap);
    // A device that has nothing to say does not pop. Without this it would be called again and again.
    if (isThere) this.#isDrained = false;
    return isThere;
  }

  #stop(fault: QueueFault): null {
    this.#fault ??= fault;
    return null;
  }

  /** The copies have the next chain, at least its beginning. */
  #isCopied(): boolean {
    const { index, wrap } = this.#at;
    return this.#left > 0 && isAvailable(this.#flags.readUInt16LE(DESCRIPTOR_BYTES * index + FLAGS), wrap);
  }

  /** False: a fault. */
  #refresh(): boolean {
    const { descriptors } = this.#place;
    if (!this.#memory.read(descriptors, this.#flags) || !this.#memory.read(descriptors, this.#table))
      return this.#stop('memory') !== null;
    // What was taken and not given back is not the driver's to fill again.
    this.#left = this.#size - this.#popped.reduce((sum, { count }) => sum + count, 0);
    return true;
  }

  /** Walks the copied descriptors from `#at` on. 'loop': the chain is longer than the copies allow. */
  #collect(): Popped | QueueFault {
    const chain: { head: number; buffers: [address: number, length: number, isWritable: boolean][] } = {
      head: 0,
      buffers: [],
    };
    let { index } = this.#at;
    for (let count = 1; ; count++) {
      if (count > this.#left) return 'loop';
      const at = DESCRIPTOR_BYTES * index;
      const address = addressIn(this.#table, at);
      if (address < 0) return 'memory';
      const length = this.#table.readUInt32LE(at + 8);
      const flags = this.#table.readUInt16LE(at + FLAGS);
      // The driver's name for the chain is in its last descriptor.
      chain.head = this.#table.readUInt16LE(at + 12);
      if ((flags & DESCRIPTOR_INDIRECT) !== 0) {
        if (count > 1 || (flags & DESCRIPTOR_NEXT) !== 0 || !this.#options.hasIndirect) return 'indirect';
        return this.#collectIndirect(chain.head, address, length);
      }
      chain.buffers.push([address, length, (flags & DESCRIPTOR_WRITE) !== 0]);
      if ((flags & DESCRIPTOR_NEXT) === 0) {
        const made = new Chain(chain.head);
        for (const buffer of chain.buffers) {
          const fault = addBuffer(this.#memory, made, this.#options.maxReadableBytes, ...buffer);
          if (fault !== null) return fault;
        }
        return { chain: made, count };
      }
      index = (index + 1) % this.#size;
    }
  }

  /** All descriptors of the table, one after the other: in it only the flag for writable buffers counts. */
  #collectIndirect(id: number, address: number, length: number): Popped | QueueFault {
    const entries = length / DESCRIPTOR_BYTES;
    if (!Number.isInteger(entries) || entries === 0 || entries > MAX_INDIRECT_DESCRIPTORS) return 'indirect';
    const table = Buffer.alloc(length);
    if (!this.#memory.read(address, table)) return 'memory';
    const chain = new Chain(id);
    for (let at = 0; at < length; at += DESCRIPTOR_BYTES) {
      const flags = table.readUInt16LE(at + FLAGS);
      if ((flags & DESCRIPTOR_INDIRECT) !== 0) return 'indirect';
      const buffer = addressIn(table, at);
      if (buffer < 0) return 'memory';
      const { maxReadableBytes } = this.#options;
      const isWritable = (flags & DESCRIPTOR_WRITE) !== 0;
      const fault = addBuffer(this.#memory, chain, maxReadableBytes, buffer, table.readUInt32LE(at + 8), isWritable);
      if (fault !== null) return fault;
    }
    return { chain, count: 1 };
  }

  /** `before`: the place of the first descriptor of this flush. */
  #wantsInterrupt(before: Position): boolean {
    // Read now, because the guest sets it when it goes to sleep.
    if (!this.#memory.read(this.#place.available, this.#event)) return this.#stop('memory') !== null;
    const flags = this.#event.readUInt16LE(2);
    if (flags === EVENT_NONE) return false;
    if (flags !== EVENT_AT_DESCRIPTOR || !this.#options.hasEventIndex) return true;
    // VIRTIO 1.2 §2.8.10: is the descriptor that the driver names among those given back now?
    const word = this.#event.readUInt16LE(0);
    const isThisRound = ((word & WRAP) !== 0) === this.#used.wrap;
    const event = (word & ~WRAP) - (isThisRound ? 0 : this.#size);
    const first = before.index - (this.#used.index <= before.index ? this.#size : 0);
    return ((this.#used.index - event - 1) & INDEX_MASK) < ((this.#used.index - first) & INDEX_MASK);
  }

  #after({ index, wrap }: Position, count: number): Position {
    const next = index + count;
    return next < this.#size ? { index: next, wrap } : { index: next - this.#size, wrap: !wrap };
  }

  #before({ index, wrap }: Position, count: number): Position {
    return index >= count ? { index: index - count, wrap } : { index: index - count + this.#size, wrap: !wrap };
  }
}

/** A descriptor is the device's when its flags differ and the first one is that of the round. */
function isAvailable(flags: number, wrap: boolean): boolean {
  return ((flags & DESCRIPTOR_AVAILABLE) !== 0) === wrap && ((flags & DESCRIPTOR_USED) !== 0) !== wrap;
}

function wordOf({ index, wrap }: Position): number {
  return index | (wrap ? WRAP : 0);
}

/** A VMM may name any place; one beyond the ring is taken as its beginning. */
function positionOf(word: number, size: number): Position {
  const index = word & (WRAP - 1);
  return { index: index < size ? index : 0, wrap: (word & WRAP) !== 0 };
}
