/**
 * PulseAudio, or PipeWire in its place, by its own protocol: a connection for each stream, so that what a sound server does
 * to the stream of one VM happens to no other. PULSE_SERVER and the like come from the environment.
 */
import { type AudioClock, NODE_CLOCK } from '../pcm/audio-clock.ts';
import type { CaptureStream, OnLost, PlaybackEvents, PlaybackStream, SoundServer } from '../service/sound-server.ts';
import { PulsePlayback } from './playback.ts';
import { openRecord } from './record.ts';

export class PulseServer implements SoundServer {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #clock: AudioClock;

  constructor(environment: NodeJS.ProcessEnv = process.env, clock: AudioClock = NODE_CLOCK) {
    this.#environment = environment;
    this.#clock = clock;
  }

  openPlayback(vm: string, device: string | null, events: PlaybackEvents): PlaybackStream {
    return new PulsePlayback(this.#environment, this.#clock, vm, device, events);
  }

  openCapture(vm: string, onBytes: (bytes: Uint8Array) => void, onLost: OnLost): CaptureStream {
    return openRecord(this.#environment, vm, onBytes, onLost);
  }
}
