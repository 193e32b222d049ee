/** The sound that test guests play: the same bytes at both ends, whole S16LE stereo frames, with no file to ship. */
import { createHash } from 'node:crypto';

/** 10 ms at 44.1 kHz. */
export const MESSAGE_BYTES = 1764;
export const SOUND_PORT = 4713;

/** Message `index` of the sound. Its index is its message type too, so that a listener notices what is missing. */
export function soundMessage(index: number): Buffer {
  const bytes = Buffer.alloc(MESSAGE_BYTES);
  for (let at = 0; at < MESSAGE_BYTES; at += 4) {
    const sample = Math.round(20_000 * Math.sin((index * (MESSAGE_BYTES / 4) + at / 4) / 16));
    bytes.writeInt16LE(sample, at);
    bytes.writeInt16LE(-sample, at + 2);
  }
  return bytes;
}

export function soundHash(messages: number): string {
  const hash = createHash('sha256');
  for (let index = 0; index < messages; index++) hash.update(soundMessage(index));
  return hash.digest('hex');
}
