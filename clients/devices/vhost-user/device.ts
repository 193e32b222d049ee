/** The two interfaces between a virtio device and the vhost-user back-end. */
import type { DeviceQueue } from '../virtqueue/index.ts';

/** The device's view of its queues. */
export interface Wiring {
  /** The queue, or null while the guest has not started it. */
  queue(index: number): DeviceQueue | null;
  /** Processes the queue again soon, within the budget of a wake-up: the device has something new for it. */
  wake(index: number): void;
}

export interface VirtioDevice {
  readonly queueCount: number;
  /**
   * Of a device whose VMM counts in pairs of queues, one connection state for each: how many it may have. Undefined: the
   * VMM counts in queues.
   */
  readonly queuePairs?: number;
  /** Bytes that the guest may send in one chain of a queue. */
  readonly maxReadableBytes: number;
  /** Feature bits of this device, besides those that every device has. */
  readonly features: bigint;
  /** Config space; null: the VMM keeps it. */
  readonly config: Buffer | null;
  /** A VMM has attached. */
  attach(wiring: Wiring, features: () => bigint): void;
  /**
   * Processes at most `budget` chains of the queue and returns how many. It stops early when it waits for something else
   * (room at a receiver, an outcome), and calls `wake` once that has come.
   */
  service(index: number, queue: DeviceQueue, budget: number): number;
  /** The guest does not use the queue any more, or not for now. Others may go on. */
  queueStopped?(index: number): void;
  /** The guest has reset the device, is at fault, or its VMM has gone: nothing of before is valid any more. */
  reset(): void;
}
