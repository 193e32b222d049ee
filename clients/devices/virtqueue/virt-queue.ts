/** A virtqueue in the guest's memory, in one of two layouts, as the back-end of a device sees it. */
import type { DeviceQueue } from './device-queue.ts';
import type { QueueFault } from './fault.ts';

/** Where the parts of the queue lie, as addresses of the guest. */
export interface QueuePlace {
  readonly descriptors: number;
  /** The available ring; in the packed layout what the driver wants to be interrupted for. */
  readonly available: number;
  /** The used ring; in the packed layout what the device wants to be kicked for. */
  readonly used: number;
}

export interface QueueOptions {
  /** Descriptors, at most 32768; a power of two in the split layout. */
  readonly size: number;
  /** Where the first chain is: see `VirtQueue.next`. */
  readonly next: number;
  /** VIRTIO_F_EVENT_IDX was negotiated. */
  readonly hasEventIndex: boolean;
  /** VIRTIO_F_INDIRECT_DESC was negotiated. */
  readonly hasIndirect: boolean;
  /** Bytes that the guest may send in one chain. */
  readonly maxReadableBytes: number;
}

export interface VirtQueue extends DeviceQueue {
  /** The guest's fault. Null while the guest has made no fault. */
  readonly fault: QueueFault | null;
  /**
   * Where the next chain is: a VMM asks for it when it stops the queue. Split: the index of the chain. Packed: the index of
   * its descriptor with the wrap counter in bit 15, and the same for the used descriptor from bit 16 on.
   */
  readonly next: number;
  /** The last `pop` found nothing, so the next chain comes with a kick. False: the caller stopped by itself. */
  readonly isDrained: boolean;
  /** The VMM has described the memory again. */
  relocate(place: QueuePlace): void;
  /** Publishes the chains that were completed since the last call. True: interrupt the guest. */
  flush(): boolean;
  /** Asks the guest to kick for the next chain. True: one is available already, and the guest may not kick for it. */
  rearm(): boolean;
}
