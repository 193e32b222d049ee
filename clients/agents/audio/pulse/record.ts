/** A record stream in a sound server. */
import { CAPTURE_LATENCY_BYTES } from '../limits.ts';
import { SAMPLE_RATE_HZ } from '../pcm/pcm.ts';
import type { CaptureStream, OnLost } from '../service/sound-server.ts';
import { soundServerAddress, soundServerCookie } from './address.ts';
import { Command, PulseConnection } from './connection.ts';
import { TagWriter, UNSET } from './tagstruct.ts';

export function openRecord(
  env: NodeJS.ProcessEnv,
  vm: string,
  onBytes: (bytes: Uint8Array) => void,
  onLost: OnLost,
): CaptureStream {
  let isClosed = false;
  const lose = (): void => {
    if (isClosed) return;
    isClosed = true;
    onLost();
  };
  const connection = new PulseConnection(soundServerAddress(env), soundServerCookie(env), vm, {
    onCommand: (command) => {
      if (command !== Command.recordKilled) return;
      connection.close();
      lose();
    },
    onSamples: (bytes) => {
      if (!isClosed) onBytes(bytes);
    },
    onLost: lose,
  });
  const body = new TagWriter()
    .stereo(SAMPLE_RATE_HZ)
    .u32(UNSET)
    .string(null)
    .u32(UNSET) // the longest that the buffer may be
    .bool(false) // corked
    .u32(CAPTURE_LATENCY_BYTES)
    .bools(false, false, false, false, false, false, false) // no remap, no remix, fix format, rate, channels, no move, variable
    .bool(false) // peak detect
    .bool(true) // adjust latency
    .properties({ 'media.name': vm, 'application.name': vm })
    .u32(UNSET) // directly on no stream
    .bools(false) // early requests
    .bools(false, false); // no auto suspend; fail on suspend
  connection.request(Command.createRecord, body, () => {});
  return {
    close: () => {
      isClosed = true;
      connection.close();
    },
  };
}
