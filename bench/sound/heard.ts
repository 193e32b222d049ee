/**
 * What a recording of sines holds: sounds, gaps in them, and places where a sine does not go on as one. It takes the
 * recording as it comes, so that hours of it need no memory.
 *
 *   ~~~~~~~~~~~  ~~~~~~~~~~~|~~~~~~~                ~~~~~~~~
 *   sound      gap        break    pause, so        another sound
 */

export const RATE = 44_100;
const SAMPLE_FRAME_BYTES = 4;
/** A sample beyond it is sound. */
const SILENCE_LEVEL = 64;
/** A sine crosses zero faster than in 1 ms, so this much silence is a gap. */
const GAP_FRAMES = RATE / 1_000;
/** This much silence is the end of a sound. */
export const PAUSE_MS = 250;
const PAUSE_FRAMES = (PAUSE_MS * RATE) / 1_000;
/** Each sample of a sine follows from the two before it; rounding, mixing and the steps of a slip leave less than this. */
const BREAK_LEVEL = 192;
/** Where a sound begins or ends there is no sine yet, or no more: resamplers swing for some milliseconds. */
const EDGE_FRAMES = RATE / 50;
/** What disturbs a sound twice within 5 ms is one break. */
const SAME_BREAK_FRAMES = RATE / 200;

export interface Place {
  /** Since the start of the recording, seconds. */
  readonly at: number;
  /** The sound that it is in, counted from 1. */
  readonly sound: number;
  /** Since the begin of that sound, ms. */
  readonly intoMs: number;
}

export interface Gap extends Place {
  readonly ms: number;
}

export class Heard {
  /** Where each sound began, in sample frames since the start of the recording. */
  readonly onsets: number[] = [];
  readonly gaps: Gap[] = [];
  readonly breaks: Place[] = [];
  frames = 0;
  /** Sample frames of all sounds, without their gaps. */
  soundFrames = 0;
  readonly #step: number;
  #rest: Buffer = Buffer.alloc(0);
  #one = 0;
  #two = 0;
  #silent = 0;
  #startedAt = 0;
  #isSounding = false;
  /** Breaks of this sound that may still turn out to be a part of a gap, or of its end. */
  #doubtful: number[] = [];

  /** @param hertz of the sine; its periods do not fit into the pieces in which programs and servers hand it on */
  constructor(hertz: number) {
    this.#step = 2 * Math.cos((2 * Math.PI * hertz) / RATE);
  }

  /** Bytes of the recording, s16le stereo. The left channel is looked at. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const whole = bytes.length - (bytes.length % SAMPLE_FRAME_BYTES);
    for (let at = 0; at < whole; at += SAMPLE_FRAME_BYTES) this.#take(bytes.readInt16LE(at));
    this.#rest = Buffer.from(bytes.subarray(whole));
  }

  /** The recording has ended, and with it the sound. */
  end(): void {
    if (this.#isSounding) this.#endSound();
  }

  #take(sample: number): void {
    const at = this.frames++;
    if (Math.abs(sample) > SILENCE_LEVEL) this.#sound(at);
    else if (++this.#silent >= PAUSE_FRAMES && this.#isSounding) this.#endSound();
    if (this.#isSounding && Math.abs(sample - (this.#step * this.#one - this.#two)) >= BREAK_LEVEL) this.#doubt(at);
    this.#two = this.#one;
    this.#one = sample;
  }

  #sound(at: number): void {
    if (!this.#isSounding) {
      this.#isSounding = true;
      this.#startedAt = at;
      this.onsets.push(at);
    } else if (this.#silent >= GAP_FRAMES) {
      const from = at - this.#silent;
      this.gaps.push({ ...this.#placeOf(from), ms: (this.#silent * 1_000) / RATE });
      this.#settle(from - EDGE_FRAMES);
      // After a gap the sine begins anew.
      this.#startedAt = at;
    } else this.soundFrames += this.#silent;
    this.soundFrames++;
    this.#silent = 0;
  }

  #doubt(at: number): void {
    const last = this.#doubtful.at(-1) ?? Number.NEGATIVE_INFINITY;
    if (at - this.#startedAt > EDGE_FRAMES && at - last > SAME_BREAK_FRAMES) this.#doubtful.push(at);
    if (this.#doubtful.length > 1) this.#settle(at - EDGE_FRAMES - PAUSE_FRAMES, false);
  }

  /** Breaks before `limit` are breaks; the later ones belong to what ends there. */
  #settle(limit: number, isEnd = true): void {
    for (const at of this.#doubtful) if (at < limit) this.breaks.push(this.#placeOf(at));
    this.#doubtful = isEnd ? [] : this.#doubtful.filter((at) => at >= limit);
  }

  #placeOf(frame: number): Place {
    const began = this.onsets.at(-1) ?? 0;
    return { at: frame / RATE, sound: this.onsets.length, intoMs: ((frame - began) * 1_000) / RATE };
  }

  #endSound(): void {
    this.#isSounding = false;
    this.#settle(this.frames - this.#silent - EDGE_FRAMES);
  }
}
