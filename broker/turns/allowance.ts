/**
 * What one share may spend on idle work, which delivers no message: hellos, rekeys, questions, refused sends, records
 * without a send. A token bucket (RFC 2697) in units of work.
 *
 * Idle work is cheap to ask for, so without a limit it would keep the broker busy all the time. A process that never
 * sleeps gets its turns late from the scheduler of the host, and so would everybody else's messages. Delivered messages
 * pay for themselves and for the work around them (`earn`), so traffic is not limited. The core says which deliveries
 * count (`Counters.useful`).
 */
import { UNITS_PER_MS } from './limits.ts';

export class Allowance {
  readonly #burst: number;
  readonly #unitsPerMs: number;
  readonly #now: () => number;
  #left: number;
  #filledAt: number;

  /**
   * @param burst units that may be spent at once
   * @param part the part of one core that comes back, above 0, at most 1
   * @param now monotonic milliseconds
   */
  constructor(burst: number, part: number, now: () => number) {
    this.#burst = burst;
    this.#unitsPerMs = part * UNITS_PER_MS;
    this.#now = now;
    this.#left = burst;
    this.#filledAt = now();
  }

  /** Units left when it was last filled, minus what was spent since. Reads no clock: the hot path asks for it. */
  get left(): number {
    return this.#left;
  }

  spend(units: number): void {
    this.#left -= units;
  }

  earn(units: number): void {
    this.#left = Math.min(this.#burst, this.#left + units);
  }

  /** Adds what came back since the last time. Returns the milliseconds until something is left: 0 = now. */
  fill(): number {
    const now = this.#now();
    this.earn((now - this.#filledAt) * this.#unitsPerMs);
    this.#filledAt = now;
    return this.#left > 0 ? 0 : (1 - this.#left) / this.#unitsPerMs;
  }
}
