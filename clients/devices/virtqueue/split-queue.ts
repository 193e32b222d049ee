/**
 * A split virtqueue, seen from the device (VIRTIO 1.2 §2.7), with indirect descriptors and event indexes.
 *
 * The guest can change every byte of its memory at every moment. So the queue copies first and validates the copy: the
 * available index, the heads and the descriptor table once per batch, an indirect table once per chain, the buffers
 * once per chain. No byte that was validated is read from the guest again.
 *
 * Invariants: `#next` counts the chains taken, `#used` those given back, both modulo 2^16; at most `size` chains are
 * between them. After a fault the queue gives nothing and writes nothing more.
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

const USED_ELEMENT_BYTES = 8;
const RING_HEADER_BYTES = 4;
const AVAILABLE_NO_INTERRUPT = 1;
const INDEX_MASK = 0xffff;

/** Bytes of each part, with the event index. */
export function splitQueueBytes(size: number): QueuePlace {
  return {
    descriptors: DESCRIPTOR_BYTES * size,
    available: RING_HEADER_BYTES + 2 * size + 2,
    used: RING_HEADER_BYTES + USED_ELEMENT_BYTES * size + 2,
  };
}

export class SplitQueue implements VirtQueue {
  readonly #memory: QueueMemory;
  readonly #options: QueueOptions;
  readonly #size: number;
  #place: QueuePlace;
  #next: number;
  /** Available index as copied last; chains up to it are in #heads. */
  #available: number;
  #used: number;
  /** Used index that the guest knows. */
  #published: number;
  #fault: QueueFault | null = null;
  #isDrained = false;
  /** The chains that were put back were too few: the next kick counts from the last chain, not from the first. */
  #isShort = false;
  readonly #header = Buffer.alloc(RING_HEADER_BYTES);
  readonly #word = Buffer.alloc(2);
  /** The descriptor table and behind it the available ring, as drivers lay them out: read at once if they do. */
  readonly #rings: Buffer;
  readonly #heads: Buffer;
  readonly #table: Buffer;
  readonly #elements: Buffer;
  #lent = Buffer.alloc(0);

  constructor(memory: QueueMemory, place: QueuePlace, options: QueueOptions) {
    this.#memory = memory;
    this.#place = place;
    this.#options = options;
    this.#size = options.size;
    this.#next = options.next & INDEX_MASK;
    this.#available = this.#next;
    // A device holds no chain between two wake-ups, so every taken chain has been given back.
    this.#used = this.#next;
    this.#published = this.#next;
    const tableBytes = DESCRIPTOR_BYTES * this.#size;
    this.#rings = Buffer.alloc(tableBytes + RING_HEADER_BYTES + 2 * this.#size);
    this.#table = this.#rings.subarray(0, tableBytes);
    this.#heads = this.#rings.subarray(tableBytes + RING_HEADER_BYTES);
    this.#elements = Buffer.alloc(USED_ELEMENT_BYTES * this.#size);
  }

  /** The guest's fault. Null while the guest has made no fault. */
  get fault(): QueueFault | null {
    return this.#fault;
  }

  /** Index of the next chain: a VMM asks for it when it stops the queue. */
  get next(): number {
    return this.#next;
  }

  /** The last `pop` found nothing, so the next chain comes with a kick. False: the caller stopped by itself. */
  get isDrained(): boolean {
    return this.#isDrained;
  }

  /** The VMM has described the memory again. */
  relocate(place: QueuePlace): void {
    this.#place = place;
  }

  /** The next chain, or null: none is available, or the guest is at fault. */
  pop(): Chain | null {
    if (this.#fault !== null) return null;
    this.#isShort = false;
    this.#isDrained = this.#next === this.#available && !this.#refresh();
    if (this.#isDrained) return null;
    const head = this.#heads.readUInt16LE(2 * (this.#next % this.#size));
    const chain = new Chain(head);
    const fault = this.#collect(chain);
    if (fault !== null) return this.#stop(fault);
    this.#next = (this.#next + 1) & INDEX_MASK;
    return chain;
  }

  /** Puts the chain that was popped last back: its turn comes again. */
  unpop(): void {
    this.#next = (this.#next - 1) & INDEX_MASK;
  }

  /** Puts the last `count` chains back, because they are too few: their turn comes again with the next one. */
  putBack(count: number): void {
    this.#next = (this.#next - count) & INDEX_MASK;
    this.#isShort = true;
    this.#isDrained = true;
  }

  /** A copy of all readable bytes, valid until the next call; null when the guest's memory was removed. */
  read(chain: Chain): Buffer | null {
    if (this.#lent.length < chain.readableBytes) this.#lent = Buffer.alloc(chain.readableBytes);
    const bytes = this.#lent.subarray(0, chain.readableBytes);
    if (readBuffers(this.#memory, chain, bytes)) return bytes;
    this.#stop('memory');
    return null;
  }

  /** Writes `bytes` into the writable buffers, then gives the chain back with the length that was really written. */
  complete(chain: Chain, bytes: Uint8Array | null = null): void {
    if (this.#fault !== null) return;
    const written = bytes === null ? 0 : writeBuffers(this.#memory, chain, bytes);
    if (written < 0) {
      this.#stop('memory');
      return;
    }
    const element = USED_ELEMENT_BYTES * (this.#used % this.#size);
    this.#elements.writeUInt32LE(chain.head, element);
    this.#elements.writeUInt32LE(written, element + 4);
    this.#used = (this.#used + 1) & INDEX_MASK;
  }

  /**
   * Publishes the elements returned since the last call: first the elements, then the index. True: interrupt the guest.
   */
  flush(): boolean {
    if (this.#fault !== null || this.#used === this.#published) return false;
    const first = this.#published % this.#size;
    const last = this.#used % this.#size;
    const isWritten =
      first < last
        ? this.#writeElements(first, last)
        : this.#writeElements(first, this.#size) && (last === 0 || this.#writeElements(0, last));
    this.#word.writeUInt16LE(this.#used);
    if (!isWritten || !this.#memory.write(this.#place.used + 2, this.#word)) {
      this.#stop('memory');
      return false;
    }
    const before = this.#published;
    this.#published = this.#used;
    return this.#wantsInterrupt(before);
  }

  /** Asks the guest to kick for the next chain. True: one is available already, and the guest may not kick for it. */
  rearm(): boolean {
    if (this.#fault !== null) return false;
    const before = this.#available;
    if (this.#options.hasEventIndex) {
      this.#word.writeUInt16LE(this.#isShort ? before : this.#next);
      const place = this.#place.used + RING_HEADER_BYTES + USED_ELEMENT_BYTES * this.#size;
      if (!this.#memory.write(place, this.#word)) {
        this.#stop('memory');
        return false;
      }
    }
    const isThere = this.#isShort
      ? this.#refresh() && this.#available !== before
      : this.#next !== before || this.#refresh();
    // A device that has nothing to say does not pop. Without this it would be called again and again.
    if (isThere) this.#isDrained = false;
    return isThere;
  }

  #stop(fault: QueueFault): null {
    this.#fault ??= fault;
    return null;
  }

  /** Copies the chains that the guest has published since. True when there are some. */
  #refresh(): boolean {
    const { available, descriptors } = this.#place;
    if (!this.#memory.read(available, this.#header)) return this.#stop('memory') !== null;
    const index = this.#header.readUInt16LE(2);
    const count = (index - this.#next) & INDEX_MASK;
    if (count === 0) return false;
    if (count > this.#size) return this.#stop('ahead') !== null;
    // After the index, so that the entries that the index covers are complete.
    const isBehind = descriptors + this.#table.length === available;
    const isRead =
      (isBehind && this.#memory.read(descriptors, this.#rings)) ||
      // Elsewhere, or behind it in another region of memory.
      (this.#memory.read(available + RING_HEADER_BYTES, this.#heads) && this.#memory.read(descriptors, this.#table));
    if (!isRead) return this.#stop('memory') !== null;
    this.#available = index;
    return true;
  }

  /** Walks the copied descriptors; the fault, or null. */
  #collect(chain: Chain): QueueFault | null {
    let table = this.#table;
    let size = this.#size;
    let isIndirect = false;
    let index = chain.head;
    for (let steps = 0; ; steps++) {
      if (index >= size) return 'index';
      if (steps >= size) return 'loop';
      const at = DESCRIPTOR_BYTES * index;
      const address = addressIn(table, at);
      if (address < 0) return 'memory';
      const length = table.readUInt32LE(at + 8);
      const flags = table.readUInt16LE(at + 12);
      if ((flags & DESCRIPTOR_INDIRECT) !== 0) {
        const count = length / DESCRIPTOR_BYTES;
        if (isIndirect || !this.#options.hasIndirect || (flags & DESCRIPTOR_NEXT) !== 0) return 'indirect';
        if (!Number.isInteger(count) || count === 0 || count > MAX_INDIRECT_DESCRIPTORS) return 'indirect';
        table = Buffer.alloc(length);
        if (!this.#memory.read(address, table)) return 'memory';
        isIndirect = true;
        size = count;
        index = 0;
        steps = -1;
        continue;
      }
      const { maxReadableBytes } = this.#options;
      const isWritable = (flags & DESCRIPTOR_WRITE) !== 0;
      const fault = addBuffer(this.#memory, chain, maxReadableBytes, address, length, isWritable);
      if (fault !== null) return fault;
      if ((flags & DESCRIPTOR_NEXT) === 0) return null;
      index = table.readUInt16LE(at + 14);
    }
  }

  #writeElements(from: number, to: number): boolean {
    const place = this.#place.used + RING_HEADER_BYTES + USED_ELEMENT_BYTES * from;
    return this.#memory.write(place, this.#elements.subarray(USED_ELEMENT_BYTES * from, USED_ELEMENT_BYTES * to));
  }

  /** `before`: the used index of the last flush. */
  #wantsInterrupt(before: number): boolean {
    const { available } = this.#place;
    if (!this.#options.hasEventIndex) {
      // Read again, because the guest sets it when it goes to sleep.
      if (!this.#memory.read(available, this.#header)) return this.#stop('memory') !== null;
      return (this.#header.readUInt16LE(0) & AVAILABLE_NO_INTERRUPT) === 0;
    }
    if (!this.#memory.read(available + RING_HEADER_BYTES + 2 * this.#size, this.#word))
      return this.#stop('memory') !== null;
    // vring_need_event (VIRTIO 1.2 §2.7.7.2): the guest's index lies among those published now.
    const event = this.#word.readUInt16LE(0);
    return ((this.#used - event - 1) & INDEX_MASK) < ((this.#used - before) & INDEX_MASK);
  }
}
