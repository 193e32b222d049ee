/** The 44 bytes before the samples of a WAV file (RIFF, PCM), for the one format there is. */
import { CHANNELS, SAMPLE_FRAME_BYTES, SAMPLE_RATE_HZ } from './pcm.ts';

export const WAV_HEADER_BYTES = 44;
/** Sizes are u32. The size of the form counts the bytes that follow it: all of the header but 8 bytes. */
export const MAX_WAV_PCM_BYTES = 0xffff_fffc - WAV_HEADER_BYTES;
/** Where a size stands until it is known; players then read to the end of the file. */
const UNKNOWN_SIZE = 0xffff_ffff;
const FORM_SIZE_OFFSET = 8;
const FORMAT_BYTES = 16;
const FORMAT_PCM = 1;

/** `pcmBytes` null: not known yet. */
export function wavHeader(pcmBytes: number | null): Buffer {
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(pcmBytes === null ? UNKNOWN_SIZE : WAV_HEADER_BYTES - FORM_SIZE_OFFSET + pcmBytes, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(FORMAT_BYTES, 16);
  header.writeUInt16LE(FORMAT_PCM, 20);
  header.writeUInt16LE(CHANNELS, 22);
  header.writeUInt32LE(SAMPLE_RATE_HZ, 24);
  header.writeUInt32LE(SAMPLE_RATE_HZ * SAMPLE_FRAME_BYTES, 28);
  header.writeUInt16LE(SAMPLE_FRAME_BYTES, 32);
  header.writeUInt16LE((SAMPLE_FRAME_BYTES / CHANNELS) * 8, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(pcmBytes ?? UNKNOWN_SIZE, 40);
  return header;
}
