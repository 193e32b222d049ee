/**
 * Tells a pause from a stream by its samples: a guest's sound server keeps its pipe full of zeros while nothing plays. Two
 * seconds of them are a pause; a single sample that is not zero ends it.
 */
import { SILENCE_CORK_MS } from '../limits.ts';
import { isSilent, millisecondsOf } from './pcm.ts';

export class SilenceWatch {
  #silentMs = 0;

  /** 'pause': the stream has just fallen silent for good, from here on nothing needs to be sent. */
  push(frame: Uint8Array): 'sound' | 'silence' | 'pause' | 'paused' {
    if (!isSilent(frame)) {
      this.#silentMs = 0;
      return 'sound';
    }
    if (this.#silentMs >= SILENCE_CORK_MS) return 'paused';
    this.#silentMs += millisecondsOf(frame.length);
    return this.#silentMs >= SILENCE_CORK_MS ? 'pause' : 'silence';
  }
}
