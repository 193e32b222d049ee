/**
 * Makes sound a little shorter or longer without a click, where the clock of a VM and that of the loudspeaker drift apart:
 * a block of n sample frames becomes one of m, each a mixture of the two that lie around its place in time.
 *
 *   in    0   1   2   3   4 |          out position j is at j * n / m, so the next block goes on
 *   out   0    1    2    3  |          where this one ends, and the pitch changes by n / m
 */
import { CHANNELS, SAMPLE_FRAME_BYTES } from './pcm.ts';

/** `next`: the sample frame after the block, or null when there is none yet. `frames`: of the result. */
export function resample(block: Uint8Array, next: Uint8Array | null, frames: number): Uint8Array {
  const length = block.length / SAMPLE_FRAME_BYTES;
  const from = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const beyond = next === null ? null : new DataView(next.buffer, next.byteOffset, next.byteLength);
  const sample = (frame: number, channel: number): number => {
    if (frame < length) return from.getInt16((frame * CHANNELS + channel) * 2, true);
    if (beyond !== null) return beyond.getInt16(channel * 2, true);
    return from.getInt16(((length - 1) * CHANNELS + channel) * 2, true);
  };
  const result = new Uint8Array(frames * SAMPLE_FRAME_BYTES);
  const to = new DataView(result.buffer);
  for (let frame = 0; frame < frames; frame++) {
    const place = (frame * length) / frames;
    const before = Math.floor(place);
    const share = place - before;
    for (let channel = 0; channel < CHANNELS; channel++) {
      const mixed = sample(before, channel) * (1 - share) + sample(before + 1, channel) * share;
      to.setInt16((frame * CHANNELS + channel) * 2, Math.round(mixed), true);
    }
  }
  return result;
}
