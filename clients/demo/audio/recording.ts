/**
 * The recording that the demo plays: a few plucked notes, drifting between left and right over a quiet noise floor.
 *
 * Made rather than recorded, so that it has no owner; with a noise floor, so that no two frames are alike and a lost or
 * repeated one changes the checksum.
 *
 * The result is the same on every machine: only additions and multiplications of doubles are used, which IEEE 754 fixes
 * to the bit, where the last bit of Math.sin is left to the engine.
 */
import { CHANNELS, FRAME_BYTES, SAMPLE_RATE_HZ } from './wav.ts';

const SECONDS = 6;
const BASE_HZ = 220;
const ATTACK_SECONDS = 0.004;
/** The last moment fades, so that the recording ends without a click. */
const FADE_SECONDS = 0.25;
const PEAK = 0.2;
/** About -66 dB below full scale: the noise of a quiet room on a microphone. */
const NOISE = 0.0005;

/** When a note starts, its pitch over BASE_HZ (just intonation), and where it stands: -1 left … 1 right. */
const NOTES: readonly (readonly [startSeconds: number, ratio: number, pan: number])[] = [
  [0.0, 1, -0.5],
  [0.35, 5 / 4, 0.3],
  [0.7, 3 / 2, -0.2],
  [1.05, 2, 0.5],
  [1.75, 15 / 8, 0.2],
  [2.1, 3 / 2, -0.4],
  [2.45, 5 / 4, 0.1],
  [3.15, 2 / 3, -0.3],
  [3.5, 4 / 3, 0.4],
  [3.85, 1, -0.1],
  [3.85, 5 / 4, 0.3],
  [3.87, 2, 0],
];

/** Overtones: multiple of the pitch (a string is a little sharp), strength, and how much remains after a second. */
const PARTIALS: readonly (readonly [multiple: number, strength: number, remainsAfterSecond: number])[] = [
  [1, 1, 0.3],
  [2.001, 0.45, 0.16],
  [3.004, 0.25, 0.08],
  [4.009, 0.12, 0.04],
  [5.016, 0.06, 0.02],
];

/** The samples: interleaved S16LE stereo at 44.1 kHz. */
export function recordingPcm(): Uint8Array {
  const frames = SECONDS * SAMPLE_RATE_HZ;
  const left = new Float64Array(frames);
  const right = new Float64Array(frames);
  for (const [startSeconds, ratio, pan] of NOTES) {
    for (const partial of PARTIALS) addPartial(left, right, startSeconds, BASE_HZ * ratio, pan, partial);
  }
  return quantize(left, right);
}

function addPartial(
  left: Float64Array,
  right: Float64Array,
  startSeconds: number,
  pitchHz: number,
  pan: number,
  [multiple, strength, remainsAfterSecond]: (typeof PARTIALS)[number],
): void {
  const start = Math.round(startSeconds * SAMPLE_RATE_HZ);
  const turnsPerFrame = (pitchHz * multiple) / SAMPLE_RATE_HZ;
  const decay = nthRoot(remainsAfterSecond, SAMPLE_RATE_HZ);
  let level = PEAK * strength;
  for (let frame = start; frame < left.length; frame++) {
    const age = frame - start;
    const attack = Math.min(1, age / (ATTACK_SECONDS * SAMPLE_RATE_HZ));
    const sample = level * attack * sine(age * turnsPerFrame);
    // The note wanders a little around where it stands, once in four seconds.
    const place = (1 + pan + 0.3 * sine(frame / (4 * SAMPLE_RATE_HZ))) / 2;
    left[frame] = (left[frame] ?? 0) + sample * (1 - place);
    right[frame] = (right[frame] ?? 0) + sample * place;
    level *= decay;
  }
}

function quantize(left: Float64Array, right: Float64Array): Uint8Array {
  const pcm = new Uint8Array(left.length * FRAME_BYTES);
  const view = new DataView(pcm.buffer);
  const noise = whiteNoise();
  for (let frame = 0; frame < left.length; frame++) {
    const fade = Math.min(1, (left.length - 1 - frame) / (FADE_SECONDS * SAMPLE_RATE_HZ));
    for (let channel = 0; channel < CHANNELS; channel++) {
      const tone = ((channel === 0 ? left : right)[frame] ?? 0) * fade;
      const sample = Math.max(-1, Math.min(1, tone + NOISE * noise()));
      view.setInt16(frame * FRAME_BYTES + channel * 2, Math.round(sample * 0x7fff), true);
    }
  }
  return pcm;
}

/** sin(2π·turns): the Taylor series on a quarter turn, exact to about 1e-7, which 16 bits cannot tell from more. */
function sine(turns: number): number {
  const part = turns - Math.floor(turns);
  const quarter = part < 0.25 ? part : part < 0.75 ? 0.5 - part : part - 1;
  const x = quarter * 2 * Math.PI;
  const square = x * x;
  return x * (1 - (square / 6) * (1 - (square / 20) * (1 - (square / 42) * (1 - (square / 72) * (1 - square / 110)))));
}

/** The number in (0, 1) whose n-th power is `value`, by bisection: Math.pow is left to the engine as well. */
function nthRoot(value: number, n: number): number {
  let low = 0;
  let high = 1;
  for (let round = 0; round < 60; round++) {
    const middle = (low + high) / 2;
    if (power(middle, n) < value) low = middle;
    else high = middle;
  }
  return low;
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let bits = exponent, factor = base; bits > 0; bits >>>= 1, factor *= factor) if (bits & 1) result *= factor;
  return result;
}

/** Uniform in -1 … 1, always the same sequence (xorshift32). */
function whiteNoise(): () => number {
  let state = 0x2f6b1c35;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 0x8000_0000;
  };
}
