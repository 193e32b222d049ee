/** Cuts a byte stream into frames of 10 ms. The remaining bytes wait for more, so that no sample is ever torn. */
import { FRAME_BYTES, SAMPLE_FRAME_BYTES } from './pcm.ts';

export class FrameCutter {
  #frame = new Uint8Array(FRAME_BYTES);
  #used = 0;

  /** The frames that are whole now, each the caller's own. */
  push(bytes: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + FRAME_BYTES - this.#used);
      this.#frame.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
      if (this.#used < FRAME_BYTES) break;
      frames.push(this.#frame);
      this.#frame = new Uint8Array(FRAME_BYTES);
      this.#used = 0;
    }
    return frames;
  }

  /** The waiting bytes, in whole sample frames. A torn sample goes on waiting. */
  takeRest(): Uint8Array {
    const whole = this.#used - (this.#used % SAMPLE_FRAME_BYTES);
    const rest = this.#frame.slice(0, whole);
    this.#frame.copyWithin(0, whole, this.#used);
    this.#used -= whole;
    return rest;
  }

  /** The remaining bytes at the end of the stream, in whole sample frames. A torn sample is dropped. */
  flush(): Uint8Array {
    const rest = this.#frame.slice(0, this.#used - (this.#used % SAMPLE_FRAME_BYTES));
    this.#used = 0;
    return rest;
  }
}
