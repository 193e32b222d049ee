/**
 * The clock of `--fast`: 10 ms pass each time it is read. The audio endpoint and the service play at the pace of the clock
 * they are given. With this clock neither waits for the other, and nothing arrives too early.
 */
import { type AudioClock, NODE_CLOCK } from '../../agents/audio/index.ts';
import { PLAYBACK_FRAME_MS } from '../roles/messages.ts';

export class FastClock implements AudioClock {
  #now = 0;

  now(): number {
    this.#now += PLAYBACK_FRAME_MS;
    return this.#now;
  }

  /** Scheduled checks (is the other end still there?) are not audio, so they keep real time. */
  schedule(delayMs: number, task: () => void): () => void {
    return NODE_CLOCK.schedule(delayMs, task);
  }
}
