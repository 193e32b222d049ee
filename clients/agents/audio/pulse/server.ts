/**
 * PulseAudio, or PipeWire in its place, by its own protocol: a connection for each stream, so that what a sound server does
 * to the stream of one VM happens to no other. PULSE_SERVER and the like come from the environment.
 */
import { type AudioClock, NODE_CLOCK } from '../pcm/audio-clock.ts';
import type { CaptureStream, OnLost, PlaybackEvents, PlaybackStream, SoundServer } from '../service/sound-server.ts';
import { soundServerAddress, soundServerCookie } from './address.ts';
import { Command, PulseConnection } from './connection.ts';
import { PulsePlayback } from './playback.ts';
import { openRecord } from './record.ts';
import { TagWriter } from './tagstruct.ts';

export class PulseServer implements SoundServer {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #clock: AudioClock;

  readonly #onAbsent: (address: string) => void;
  #isAbsent = false;

  /** `onAbsent`: no sound server answers; called once, and again only after one has answered. */
  constructor(
    environment: NodeJS.ProcessEnv = process.env,
    clock: AudioClock = NODE_CLOCK,
    onAbsent: (address: string) => void = () => {},
  ) {
    this.#environment = environment;
    this.#clock = clock;
    this.#onAbsent = onAbsent;
  }

  /** Finds out now, and not with the first sound, whether a sound server answers. */
  probe(): void {
    const [address, cookie] = [soundServerAddress(this.#environment), soundServerCookie(this.#environment)];
    const connection = new PulseConnection(address, cookie, 'argus', {
      onCommand: () => {},
      onSamples: () => {},
      onLost: () => this.#absent(),
    });
    connection.request(Command.setClientName, new TagWriter().properties({ 'application.name': 'argus' }), () => {
      this.#isAbsent = false;
      connection.close();
    });
  }

  openPlayback(vm: string, device: string | null, events: PlaybackEvents): PlaybackStream {
    let isMade = false;
    return new PulsePlayback(this.#environment, this.#clock, vm, device, {
      onWanted: () => {
        isMade = true;
        this.#isAbsent = false;
        events.onWanted();
      },
      onGap: () => events.onGap?.(),
      onLost: () => {
        if (!isMade) this.#absent();
        events.onLost();
      },
    });
  }

  /** A stream is tried again and again, so it would be said again and again. */
  #absent(): void {
    if (this.#isAbsent) return;
    this.#isAbsent = true;
    const address = soundServerAddress(this.#environment);
    this.#onAbsent('path' in address ? address.path : `${address.host}:${address.port}`);
  }

  openCapture(vm: string, onBytes: (bytes: Uint8Array) => void, onLost: OnLost): CaptureStream {
    return openRecord(this.#environment, vm, onBytes, onLost);
  }
}
