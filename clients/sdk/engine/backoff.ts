/**
 * How long to wait before the next attempt: a random time out of a range that doubles ("full jitter"), so that the VMs
 * of a host do not all come back in the same millisecond when their broker restarts.
 */
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS } from '../limits.ts';

export class Backoff {
  readonly #random: () => number;
  #attempts = 0;

  /** @param random uniform in [0, 1) */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds until the next attempt. */
  next(): number {
    const range = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#attempts, 30));
    this.#attempts++;
    return Math.floor(this.#random() * range);
  }

  reset(): void {
    this.#attempts = 0;
  }
}
