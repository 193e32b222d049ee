/** One queue as the VMM sets it up, piece by piece, and its eventfds. */
import type { GuestMemory } from '../memory/index.ts';
import type { Descriptor, Watch } from '../sys/index.ts';
import {
  PackedQueue,
  packedQueueBytes,
  type QueueOptions,
  type QueuePlace,
  SplitQueue,
  splitQueueBytes,
  type VirtQueue,
} from '../virtqueue/index.ts';

export class VringSetup {
  readonly index: number;
  size = 0;
  next = 0;
  isEnabled = false;
  /** VIRTIO_F_RING_PACKED was negotiated. */
  isPacked = false;
  /** As the VMM names them: addresses of its own. */
  userPlace: QueuePlace | null = null;
  kick: Descriptor | null = null;
  call: Descriptor | null = null;
  error: Descriptor | null = null;
  watch: Watch | null = null;
  queue: VirtQueue | null = null;

  constructor(index: number) {
    this.index = index;
  }

  /** The parts of the queue as addresses of the guest; null when one is not in its memory. */
  placeIn(memory: GuestMemory): QueuePlace | null {
    const { userPlace } = this;
    if (userPlace === null) return null;
    const bytes = this.isPacked ? packedQueueBytes(this.size) : splitQueueBytes(this.size);
    const descriptors = memory.guestAddressOf(userPlace.descriptors, bytes.descriptors);
    const available = memory.guestAddressOf(userPlace.available, bytes.available);
    const used = memory.guestAddressOf(userPlace.used, bytes.used);
    return descriptors < 0 || available < 0 || used < 0 ? null : { descriptors, available, used };
  }

  /** Makes the queue once everything is known; false when the guest's memory does not hold it. */
  start(memory: GuestMemory, options: Omit<QueueOptions, 'size' | 'next'>): boolean {
    if (this.queue !== null || !this.isEnabled || this.kick === null || this.userPlace === null) return true;
    const place = this.placeIn(memory);
    if (place === null) return false;
    const Queue = this.isPacked ? PackedQueue : SplitQueue;
    this.queue = new Queue(memory, place, { ...options, size: this.size, next: this.next });
    return true;
  }

  /** Takes no more chains. The index of the next one stays for the VMM. */
  stop(): void {
    if (this.queue !== null) this.next = this.queue.next;
    this.queue = null;
    this.watch?.close();
    this.watch = null;
    this.kick?.close();
    this.kick = null;
  }

  close(): void {
    this.stop();
    this.call?.close();
    this.error?.close();
    this.call = null;
    this.error = null;
    this.userPlace = null;
    this.isEnabled = false;
  }
}
