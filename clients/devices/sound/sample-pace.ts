/**
 * The pace of one stream: how many sample frames the clock has gone on since the stream started, less those that were
 * taken. A stream that runs dry stands still, and goes on from the moment at which it has samples again.
 */
export class SamplePace {
  readonly #rate: number;
  #startedAt: number;
  #taken = 0;

  /** `delayMs`: how long after `now` the first frame is due. */
  constructor(rate: number, now: number, delayMs = 0) {
    this.#rate = rate;
    this.#startedAt = now + delayMs;
  }

  /** Sample frames that are due and were not taken. */
  due(now: number): number {
    return Math.max(0, Math.floor(((now - this.#startedAt) * this.#rate) / 1_000 + ROUNDING) - this.#taken);
  }

  /** How long until so many frames more are due, ms. */
  until(frames: number, now: number): number {
    return Math.max(0, this.#startedAt + ((this.#taken + frames) * 1_000) / this.#rate - now);
  }

  take(frames: number): void {
    this.#taken += frames;
  }

  /** Nothing is due at this moment, whatever was missed. */
  restart(now: number): void {
    this.#startedAt = now;
    this.#taken = 0;
  }
}

/** A timer that was set for the time of a frame finds that frame due, in spite of the rounding of numbers. */
const ROUNDING = 1e-3;
