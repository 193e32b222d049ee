/** Sines, and measurements of them in a recording: frequency, level and length. */

const RATE = 44_100;

/** A sine of `hertz` in both channels, `level` of full scale. */
export function tone(hertz: number, seconds: number, level = 0.5): Buffer {
  const frames = Math.round(seconds * RATE);
  const pcm = Buffer.alloc(frames * 4);
  for (let frame = 0; frame < frames; frame++) {
    const sample = Math.round(Math.sin((2 * Math.PI * hertz * frame) / RATE) * level * 32_767);
    pcm.writeInt16LE(sample, frame * 4);
    pcm.writeInt16LE(sample, frame * 4 + 2);
  }
  return pcm;
}

/**
 * Level of `hertz` in the left channel, as part of full scale (Goertzel's algorithm). A sine of level 0.5 gives 0.5.
 */
function levelAt(pcm: Buffer, hertz: number): number {
  const frames = Math.floor(pcm.length / 4);
  const step = 2 * Math.cos((2 * Math.PI * hertz) / RATE);
  let [one, two] = [0, 0];
  for (let frame = 0; frame < frames; frame++) {
    [one, two] = [pcm.readInt16LE(frame * 4) / 32_767 + step * one - two, one];
  }
  return (2 * Math.sqrt(Math.max(0, one * one + two * two - step * one * two))) / Math.max(1, frames);
}

/** Length of a measurement: 20 ms, so short that few of them contain a gap of a busy machine. */
const WINDOW_BYTES = 882 * 4;

/** The level of each 20 ms of a recording, loudest first. */
function levels(pcm: Buffer, hertz: number): number[] {
  const windows = Array.from({ length: Math.floor(pcm.length / WINDOW_BYTES) }, (_, index) =>
    levelAt(pcm.subarray(index * WINDOW_BYTES, (index + 1) * WINDOW_BYTES), hertz),
  );
  return windows.sort((a, b) => b - a);
}

/** Level of a tone while it sounds: the median of the 20 ms pieces with the tone, so that gaps do not count. */
export function toneLevel(pcm: Buffer, hertz: number): number {
  const all = levels(pcm, hertz);
  const sounding = all.filter((level) => level > (all[0] ?? 0) / 2);
  return sounding[Math.floor(sounding.length / 2)] ?? 0;
}

/** How long a tone sounds, seconds, in pieces of 20 ms. */
export function toneSeconds(pcm: Buffer, hertz: number, level: number): number {
  return levels(pcm, hertz).filter((each) => each > level / 2).length * (WINDOW_BYTES / 4 / RATE);
}

/** Samples of a sine follow from the two before; rounding and a sound server's mixing leave less than this. */
const BREAK_LEVEL = 64;
/** What disturbs a sound twice within 5 ms is one break. */
const BREAK_FRAMES = 220;

/**
 * How often a sine of `hertz` does not go on as a sine: gaps, and places where something was left out or repeated. A
 * piece of whole periods leaves no trace, so choose a frequency whose periods do not fit the pieces.
 */
export function toneBreaks(pcm: Buffer, hertz: number): number {
  const step = 2 * Math.cos((2 * Math.PI * hertz) / RATE);
  let [breaks, last] = [0, Number.NEGATIVE_INFINITY];
  for (let frame = 2; frame < Math.floor(pcm.length / 4); frame++) {
    const [now = 0, one = 0, two = 0] = [0, 1, 2].map((back) => pcm.readInt16LE((frame - back) * 4));
    if (Math.abs(now - (step * one - two)) < BREAK_LEVEL) continue;
    if (frame - last > BREAK_FRAMES) breaks++;
    last = frame;
  }
  return breaks;
}

/** The part between the first and the last sample that is not silent. */
export function sounding(pcm: Buffer): Buffer {
  const isSound = (at: number): boolean => Math.abs(pcm.readInt16LE(at)) > 64;
  let [start, end] = [0, pcm.length - (pcm.length % 4)];
  while (start < end && !isSound(start)) start += 4;
  while (end > start && !isSound(end - 4)) end -= 4;
  return pcm.subarray(start, end);
}
