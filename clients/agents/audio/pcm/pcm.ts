/** The one format there is: S16LE, 44 100 Hz, two channels, no header (qubes-gui-daemon pacat-simple-vchan.c `sample_spec`). */
import { AudioError } from '../errors.ts';

export const SAMPLE_RATE_HZ = 44_100;
export const CHANNELS = 2;
/** One sample of each channel. */
export const SAMPLE_FRAME_BYTES = 4;
export const BYTES_PER_SECOND = SAMPLE_RATE_HZ * SAMPLE_FRAME_BYTES;
/** The size of one message: 10 ms, 441 sample frames. */
export const FRAME_MS = 10;
export const FRAME_BYTES = (BYTES_PER_SECOND * FRAME_MS) / 1_000;

export interface SampleSpec {
  readonly format: string;
  readonly rate: number;
  readonly channels: number;
}

/** @throws AudioError ERR_AUDIO_FORMAT for any format but the one */
export function checkSampleSpec({ format, rate, channels }: SampleSpec): void {
  if (format.toLowerCase() === 's16le' && rate === SAMPLE_RATE_HZ && channels === CHANNELS) return;
  throw new AudioError(
    'ERR_AUDIO_FORMAT',
    `"${format} ${rate} Hz ${channels} channels": expected s16le ${SAMPLE_RATE_HZ} Hz ${CHANNELS} channels; have the sound server convert it`,
  );
}

export function isWholeFrames(bytes: Uint8Array): boolean {
  return bytes.length % SAMPLE_FRAME_BYTES === 0;
}

/** Digital silence: every sample is zero. */
export function isSilent(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

export function millisecondsOf(bytes: number): number {
  return (bytes * 1_000) / BYTES_PER_SECOND;
}

/** Whole sample frames of that time. */
export function bytesOf(milliseconds: number): number {
  return Math.round((milliseconds * SAMPLE_RATE_HZ) / 1_000) * SAMPLE_FRAME_BYTES;
}
