/**
 * What a guest's sound server plays, on its way to the agent. It comes at the pace of that server's clock and cannot be
 * asked to wait: what waits here is late, and would stay late for as long as the sound goes on. So a little may wait, and
 * past it the oldest is dropped, counted. PulseAudio may hand over 2.5 ms at a time: what waits is joined to frames again.
 */

import { INLET_QUEUE_MS } from '../limits.ts';
import { FrameCutter } from '../pcm/frame-cutter.ts';
import { bytesOf, FRAME_BYTES } from '../pcm/pcm.ts';
import { PcmBuffer } from '../pcm/pcm-buffer.ts';

export class PlaybackInlet {
  readonly #play: (frame: Uint8Array) => Promise<void>;
  readonly #cutter = new FrameCutter();
  readonly #queue = new PcmBuffer(bytesOf(INLET_QUEUE_MS));
  #isPlaying = false;
  #end: Promise<void> = Promise.resolve();

  /** `play` resolves when it wants more. */
  constructor(play: (frame: Uint8Array) => Promise<void>) {
    this.#play = play;
  }

  /** Of 10 ms each, rounded up. */
  get dropped(): number {
    return Math.ceil(this.#queue.dropped / FRAME_BYTES);
  }

  /** Bytes as they come, cut anywhere. */
  push(bytes: Uint8Array): void {
    for (const frame of this.#cutter.push(bytes)) this.#queue.push(frame);
    // The rest of a burst goes along: waiting for the next burst, it would come 43 ms late.
    this.#queue.push(this.#cutter.takeRest());
    if (!this.#isPlaying) this.#end = this.#playAll();
  }

  /** Everything that was pushed so far has been handed to the agent. */
  drained(): Promise<void> {
    return this.#end;
  }

  async #playAll(): Promise<void> {
    this.#isPlaying = true;
    while (this.#queue.length > 0) await this.#play(this.#queue.take(FRAME_BYTES));
    this.#isPlaying = false;
  }
}
