/** Virtqueues (VIRTIO 1.2 §2.7): pure over a memory that is read and written piece by piece. */
export { Chain } from './chain.ts';
export type { DeviceQueue } from './device-queue.ts';
export { QUEUE_FAULTS, type QueueFault } from './fault.ts';
export { type QueueOptions, type QueuePlace, SplitQueue, splitQueueBytes } from './split-queue.ts';
