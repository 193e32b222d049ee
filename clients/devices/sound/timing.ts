/** When a stream of the guest goes on: the timer of its next sample frames, and whether it has run dry. */
import type { AudioClock } from '../../agents/audio/index.ts';
import { DRY_AFTER_MS } from './limits.ts';
import type { SamplePace } from './sample-pace.ts';
import type { PcmStream } from './stream.ts';

export class StreamTiming {
  readonly #stream: PcmStream;
  readonly #clock: AudioClock;
  readonly #wake: () => void;
  #cancel: () => void = () => {};

  /** `wake`: the stream's queue is looked at again. */
  constructor(stream: PcmStream, clock: AudioClock, wake: () => void) {
    this.#stream = stream;
    this.#clock = clock;
    this.#wake = wake;
  }

  get now(): number {
    return this.#clock.now();
  }

  /** Wakes the queue when so many sample frames are due. */
  later(pace: SamplePace, frames: number): void {
    this.#cancel();
    this.#cancel = this.#clock.schedule(pace.until(frames, this.now), this.#wake);
  }

  cancel(): void {
    this.#cancel();
    this.#cancel = () => {};
  }

  /** The guest has no buffer for the moment. True: with this the stream has run dry. */
  isDryNow(): boolean {
    const { pace, parameters, isDry } = this.#stream;
    if (pace === null || parameters === null || isDry) return false;
    const allowed = Math.floor((DRY_AFTER_MS * parameters.rate) / 1_000);
    if (pace.due(this.now) < allowed) {
      this.later(pace, allowed);
      return false;
    }
    this.#stream.isDry = true;
    return true;
  }

  /** The stream has a buffer. If it was dry, it goes on from now. */
  goOn(pace: SamplePace): void {
    if (this.#stream.isDry) pace.restart(this.now);
    this.#stream.isDry = false;
  }
}
