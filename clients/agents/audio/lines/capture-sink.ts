/**
 * Hands a guest what it hears at the pace of the clock: while it listens it gets 10 ms every 10 ms, zeros where nothing
 * came (no grant, or a late frame), so that a program with an ungranted microphone hears silence and not a broken device.
 */

import { CAPTURE_LEAD_MS, CAPTURE_QUEUE_FRAMES } from '../limits.ts';
import type { AudioClock } from '../pcm/audio-clock.ts';
import { FRAME_BYTES, FRAME_MS } from '../pcm/pcm.ts';
import { PcmBuffer } from '../pcm/pcm-buffer.ts';

/** Takes a frame. The frame is dropped when the result says that the reader has not taken the earlier frames. */
export type WriteFrame = (frame: Uint8Array) => boolean;

export class CaptureSink {
  readonly #clock: AudioClock;
  readonly #write: WriteFrame;
  readonly #queue = new PcmBuffer(FRAME_BYTES * CAPTURE_QUEUE_FRAMES);
  #cancel: (() => void) | null = null;
  #nextAt = 0;
  /** Frames that the reader did not take. */
  unread = 0;

  constructor(clock: AudioClock, write: WriteFrame) {
    this.#clock = clock;
    this.#write = write;
  }

  get dropped(): number {
    return this.#queue.dropped;
  }

  get zeroed(): number {
    return this.#queue.zeroed;
  }

  /** A frame that arrives while the guest does not listen is discarded, not kept for later. */
  push(frame: Uint8Array): void {
    if (this.#cancel !== null) this.#queue.push(frame);
  }

  listen(isListening: boolean): void {
    if (isListening === (this.#cancel !== null)) return;
    if (isListening) {
      this.#nextAt = this.#clock.now() + CAPTURE_LEAD_MS;
      this.#plan();
      return;
    }
    this.#cancel?.();
    this.#cancel = null;
    this.#queue.clear();
  }

  #plan(): void {
    this.#cancel = this.#clock.schedule(Math.max(0, this.#nextAt - this.#clock.now()), () => {
      // A late timer hands out all frames that are due: the reader's clock has gone on.
      for (; this.#nextAt <= this.#clock.now(); this.#nextAt += FRAME_MS) {
        if (!this.#write(this.#queue.takeFilled(FRAME_BYTES))) this.unread++;
      }
      this.#plan();
    });
  }
}
