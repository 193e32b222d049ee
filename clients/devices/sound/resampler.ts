/**
 * Sound of one rate as sound of another, for a stream that comes in pieces: 48 000 Hz of a guest and 44 100 Hz of the
 * AudioVM. Each result is a sum of 48 samples around its place in time, weighted by a sinc under a Kaiser window, whose
 * cut-off is at the lower of the two rates. The weights are the same after `to / gcd` results, so they are a table.
 *
 * Between two calls only the samples that a later result needs are kept, so pieces of any length give the same result.
 */
/** Rate of the AudioVM's sound. */
export const AUDIO_VM_RATE = 44_100;
const TAPS = 48;
/** Of the lower rate's bandwidth, this part passes: what is above would come back as another tone. */
const PASS = 0.93;
const KAISER_BETA = 6;
const CHANNELS = 2;
const FRAME_BYTES = 4;

export class Resampler {
  readonly #phases: number;
  readonly #step: number;
  readonly #weights: Float64Array;
  /** Input that is still needed: whole sample frames, the oldest first. */
  #kept = Buffer.alloc((TAPS / 2 - 1) * FRAME_BYTES);
  /** Place of the next result, in parts of an input sample, after the first kept sample frame. */
  #place = 0;

  constructor(from: number, to: number) {
    const divisor = gcd(from, to);
    this.#phases = to / divisor;
    this.#step = from / divisor;
    this.#weights = weightsOf(this.#phases, (PASS * Math.min(from, to)) / from);
  }

  /** S16LE stereo in whole sample frames; the result is the caller's own. */
  push(pcm: Uint8Array): Buffer {
    if (this.#phases === this.#step) return Buffer.from(pcm);
    const input = Buffer.concat([this.#kept, pcm]);
    const frames = input.length / FRAME_BYTES;
    const room = Math.max(0, Math.ceil(((frames - TAPS + 1) * this.#phases - this.#place) / this.#step));
    const output = Buffer.alloc(room * FRAME_BYTES);
    for (let index = 0; index < room; index++) {
      const first = Math.floor(this.#place / this.#phases);
      const weights = (this.#place % this.#phases) * TAPS;
      for (let channel = 0; channel < CHANNELS; channel++) {
        let sum = 0;
        for (let tap = 0; tap < TAPS; tap++)
          sum += (this.#weights[weights + tap] ?? 0) * input.readInt16LE((first + tap) * FRAME_BYTES + channel * 2);
        const sample = Math.max(-32_768, Math.min(32_767, Math.round(sum)));
        output.writeInt16LE(sample, index * FRAME_BYTES + channel * 2);
      }
      this.#place += this.#step;
    }
    const used = Math.min(frames, Math.floor(this.#place / this.#phases));
    this.#kept = Buffer.from(input.subarray(used * FRAME_BYTES));
    this.#place -= used * this.#phases;
    return output;
  }
}

/** For each phase the weights of the samples around it; `cutoff` as part of the input's bandwidth. */
function weightsOf(phases: number, cutoff: number): Float64Array {
  const table = new Float64Array(phases * TAPS);
  const half = TAPS / 2;
  for (let phase = 0; phase < phases; phase++) {
    let total = 0;
    for (let tap = 0; tap < TAPS; tap++) {
      const distance = tap - (half - 1) - phase / phases;
      const weight = sinc(distance * cutoff) * kaiser(distance / half);
      table[phase * TAPS + tap] = weight;
      total += weight;
    }
    // Every phase has the same sum: silence stays silent, and a constant stays a constant.
    for (let tap = 0; tap < TAPS; tap++) table[phase * TAPS + tap] = (table[phase * TAPS + tap] ?? 0) / total;
  }
  return table;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** `x` from -1 to 1. */
function kaiser(x: number): number {
  return Math.abs(x) > 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA);
}

/** The modified Bessel function of order 0, as its power series. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
