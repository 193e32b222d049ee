/**
 * Audio that waits, bounded: what does not fit pushes out the oldest, and a reader that finds too little gets zeros, never
 * something that was played already. Both are counted, in bytes. Everything goes in and out in whole sample frames.
 */
import { SAMPLE_FRAME_BYTES } from './pcm.ts';

export class PcmBuffer {
  readonly #ring: Uint8Array;
  #start = 0;
  #length = 0;
  /** Bytes pushed out by newer ones. */
  dropped = 0;
  /** Zeros handed out for want of data. */
  zeroed = 0;

  /** `capacity`: bytes, a multiple of SAMPLE_FRAME_BYTES. */
  constructor(capacity: number) {
    if (capacity % SAMPLE_FRAME_BYTES !== 0 || capacity <= 0) throw new RangeError(`"capacity": ${capacity}`);
    this.#ring = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  push(bytes: Uint8Array): void {
    const { length: capacity } = this.#ring;
    const kept = bytes.length > capacity ? bytes.subarray(bytes.length - capacity) : bytes;
    const excess = Math.max(0, this.#length + kept.length - capacity);
    this.dropped += excess + bytes.length - kept.length;
    this.#start = (this.#start + excess) % capacity;
    this.#length -= excess;
    const at = (this.#start + this.#length) % capacity;
    const first = kept.subarray(0, capacity - at);
    this.#ring.set(first, at);
    this.#ring.set(kept.subarray(first.length), 0);
    this.#length += kept.length;
  }

  /** At most `bytes`, the caller's own. */
  take(bytes: number): Uint8Array {
    const taken = new Uint8Array(Math.min(bytes, this.#length));
    const first = this.#ring.subarray(this.#start, this.#start + taken.length);
    taken.set(first);
    taken.set(this.#ring.subarray(0, taken.length - first.length), first.length);
    this.#start = (this.#start + taken.length) % this.#ring.length;
    this.#length -= taken.length;
    return taken;
  }

  /** The next sample frame, which stays; null when there is none. */
  peekFrame(): Uint8Array | null {
    if (this.#length < SAMPLE_FRAME_BYTES) return null;
    return this.#ring.slice(this.#start, this.#start + SAMPLE_FRAME_BYTES);
  }

  /** Exactly `bytes`: first the buffered samples, then zeros. */
  takeFilled(bytes: number): Uint8Array {
    const filled = new Uint8Array(bytes);
    const taken = this.take(bytes);
    filled.set(taken);
    this.zeroed += bytes - taken.length;
    return filled;
  }

  clear(): void {
    this.#start = 0;
    this.#length = 0;
  }
}
