/**
 * A console with one port (VIRTIO 1.2 §5.3): bytes of the guest to `take`, and bytes of `write` into the guest's buffers.
 * What the guest has no buffer for waits, up to a limit; then `write` refuses it. Nothing is lost unseen.
 */
import type { VirtioDevice, Wiring } from '../vhost-user/index.ts';
import type { DeviceQueue } from '../virtqueue/index.ts';

/** Queues, from the driver's side: it receives at the first, sends at the second. */
const RECEIVE_QUEUE = 0;
const SEND_QUEUE = 1;
/** u16 columns, u16 rows, u32 ports, u32 emergency write: without features, none of them means anything. */
const CONFIG_BYTES = 12;
/** Bytes of one buffer of the guest: Linux writes at most a page at once. */
const MAX_LINE_BYTES = 16_384;
/** Bytes that wait for the guest: more than a screen, and little for a host with many guests. */
const MAX_WAITING_BYTES = 65_536;

export interface ConsoleDeviceOptions {
  /** Takes bytes of the guest: a view that is valid during the call. */
  readonly take: (bytes: Uint8Array) => void;
}

export class ConsoleDevice implements VirtioDevice {
  readonly queueCount = 2;
  readonly maxReadableBytes = MAX_LINE_BYTES;
  readonly features = 0n;
  readonly config = Buffer.alloc(CONFIG_BYTES);
  readonly #take: (bytes: Uint8Array) => void;
  #waiting = Buffer.alloc(0);
  #wiring: Wiring | null = null;

  constructor({ take }: ConsoleDeviceOptions) {
    this.#take = take;
  }

  /** Copies the bytes. False: they do not fit with those that wait already, so none of them was taken. */
  write(bytes: Uint8Array): boolean {
    if (this.#waiting.length + bytes.length > MAX_WAITING_BYTES) return false;
    this.#waiting = Buffer.concat([this.#waiting, bytes]);
    this.#wiring?.wake(RECEIVE_QUEUE);
    return true;
  }

  attach(wiring: Wiring): void {
    this.#wiring = wiring;
  }

  reset(): void {
    this.#waiting = Buffer.alloc(0);
  }

  service(index: number, queue: DeviceQueue, budget: number): number {
    if (index === RECEIVE_QUEUE) return this.#deliver(queue, budget);
    return index === SEND_QUEUE ? this.#collect(queue, budget) : 0;
  }

  #collect(queue: DeviceQueue, budget: number): number {
    for (let done = 0; done < budget; done++) {
      const chain = queue.pop();
      if (chain === null) return done;
      const bytes = queue.read(chain);
      if (bytes === null) return done;
      this.#take(bytes);
      queue.complete(chain);
    }
    return budget;
  }

  #deliver(queue: DeviceQueue, budget: number): number {
    let done = 0;
    while (done < budget && this.#waiting.length > 0) {
      const chain = queue.pop();
      if (chain === null) break;
      const count = Math.min(chain.writableBytes, this.#waiting.length);
      queue.complete(chain, this.#waiting.subarray(0, count));
      this.#waiting = this.#waiting.subarray(count);
      done++;
    }
    return done;
  }
}
