/** Virtqueues (VIRTIO 1.2 §2.7 and §2.8): pure over a memory that is read and written piece by piece. */
export { Chain } from './chain.ts';
export type { DeviceQueue } from './device-queue.ts';
export { QUEUE_FAULTS, type QueueFault } from './fault.ts';
export { PackedQueue, packedQueueBytes } from './packed-queue.ts';
export { SplitQueue, splitQueueBytes } from './split-queue.ts';
export type { QueueOptions, QueuePlace, VirtQueue } from './virt-queue.ts';
