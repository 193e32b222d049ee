/**
 * What a guest's sound server plays, on its way to the agent. It comes at the pace of that server's clock and cannot be
 * asked to wait: what waits here is late, and would stay late for as long as the sound goes on. So a few frames may wait, and
 * past them the oldest is dropped, counted.
 */

import { INLET_QUEUE_FRAMES } from '../limits.ts';
import { FrameCutter } from '../pcm/frame-cutter.ts';

export class PlaybackInlet {
  readonly #play: (frame: Uint8Array) => Promise<void>;
  readonly #cutter = new FrameCutter();
  readonly #queue: Uint8Array[] = [];
  #isPlaying = false;
  #end: Promise<void> = Promise.resolve();
  /** Frames of at most 10 ms. */
  dropped = 0;

  /** `play` resolves when it wants more. */
  constructor(play: (frame: Uint8Array) => Promise<void>) {
    this.#play = play;
  }

  /** Bytes as they come, cut anywhere. */
  push(bytes: Uint8Array): void {
    this.#queue.push(...this.#cutter.push(bytes));
    // The rest of a burst goes along: waiting for the next burst, it would come 43 ms late.
    const rest = this.#cutter.takeRest();
    if (rest.length > 0) this.#queue.push(rest);
    const excess = Math.max(0, this.#queue.length - INLET_QUEUE_FRAMES);
    this.#queue.splice(0, excess);
    this.dropped += excess;
    if (!this.#isPlaying) this.#end = this.#playAll();
  }

  /** Everything that was pushed so far has been handed to the agent. */
  drained(): Promise<void> {
    return this.#end;
  }

  async #playAll(): Promise<void> {
    this.#isPlaying = true;
    for (let frame = this.#queue.shift(); frame !== undefined; frame = this.#queue.shift()) await this.#play(frame);
    this.#isPlaying = false;
  }
}
