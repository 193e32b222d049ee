/**
 * The clock of `--fast`: each time somebody looks at it, 10 ms have passed. Agent and service play at the pace of the clock
 * they are given, so with this one neither ever waits for the other, and nothing comes too early.
 */
import { type AudioClock, NODE_CLOCK } from '../../agents/audio/index.ts';
import { PLAYBACK_FRAME_MS } from './playback.ts';

export class FastClock implements AudioClock {
  #now = 0;

  now(): number {
    this.#now += PLAYBACK_FRAME_MS;
    return this.#now;
  }

  /** What is planned (a look whether the other end is still there) is not audio, and keeps its time. */
  schedule(delayMs: number, task: () => void): () => void {
    return NODE_CLOCK.schedule(delayMs, task);
  }
}
