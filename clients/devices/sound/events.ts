/** What the card has to tell the guest: a later event about a subject replaces an earlier one that was not told yet. */
import type { DeviceQueue } from '../virtqueue/index.ts';
import { EVENT_BYTES } from './message.ts';

export class SoundEvents {
  readonly #waiting = new Map<string, Buffer>();
  readonly #malformed: () => void;

  /** `malformed`: the guest offered a buffer without room for an event. */
  constructor(malformed: () => void) {
    this.#malformed = malformed;
  }

  add(subject: string, event: Buffer): void {
    this.#waiting.set(subject, event);
  }

  clear(): void {
    this.#waiting.clear();
  }

  /** Returns how many chains it used. */
  deliver(queue: DeviceQueue, budget: number): number {
    let done = 0;
    for (const [subject, event] of this.#waiting) {
      if (done >= budget) break;
      const chain = queue.pop();
      if (chain === null) break;
      done++;
      if (chain.writableBytes < EVENT_BYTES) {
        this.#malformed();
        queue.complete(chain);
        continue;
      }
      queue.complete(chain, event);
      this.#waiting.delete(subject);
    }
    return done;
  }
}
