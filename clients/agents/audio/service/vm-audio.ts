/** The service's state of one VM: its playback, its capture, and the settings that a person made for it. */

import { Code, decodeCode } from '../codes.ts';
import { RETIRED_STARTS } from '../limits.ts';
import { CaptureLine } from '../lines/capture-line.ts';
import type { SendFrame } from '../lines/capture-sender.ts';
import { PlaybackLine } from '../lines/playback-line.ts';
import type { MixerSetting } from '../mixer/mixer-state.ts';
import type { AudioClock } from '../pcm/audio-clock.ts';
import { gainOf } from '../pcm/gain.ts';
import { startOf } from '../stream-number.ts';
import type { SoundServer } from './sound-server.ts';

export class VmAudio {
  readonly name: string;
  readonly domid: number;
  readonly playback: PlaybackLine;
  readonly capture: CaptureLine;
  /** Monotonic ms. */
  lastHeard: number;
  /** It has had a capture ring, so that its absence means something. */
  hadRing = false;
  unknownCodes = 0;
  readonly #clock: AudioClock;
  /** The number of the session in force (stream-number.ts). Null before the first. */
  #stream: number | null = null;
  readonly #retired: number[] = [];

  constructor(name: string, domid: number, server: SoundServer, clock: AudioClock, send: SendFrame) {
    this.name = name;
    this.domid = domid;
    this.#clock = clock;
    this.lastHeard = clock.now();
    this.playback = new PlaybackLine(name, server, clock);
    this.capture = new CaptureLine(name, server, clock, send);
  }

  apply({ volume, isMuted, route }: MixerSetting): void {
    this.playback.setGain(gainOf(volume, isMuted));
    this.playback.setRoute(route);
  }

  onPlayback(payload: Uint8Array, stream: number): void {
    if (this.#isCurrent(stream)) this.playback.push(payload);
  }

  onCode(payload: Uint8Array, stream: number): void {
    if (!this.#isCurrent(stream)) return;
    switch (decodeCode(payload)) {
      case Code.sourceStart:
        this.capture.ask(true);
        return;
      case Code.sourceStop:
        this.capture.ask(false);
        return;
      case Code.sinkCork:
        this.playback.cork();
        return;
      case Code.sinkUncork:
        this.playback.uncork();
        return;
      default:
        this.unknownCodes++; // tolerated, as in Qubes; whether it came this far is the policy's decision
    }
  }

  /** Its session has ended. */
  end(): void {
    this.playback.end();
    this.capture.reset();
  }

  /**
   * A new stream number is a new session: what the old one had corked or asked for is over. Playback and codes come
   * through two rings, so a late message of the old session may follow, and is ignored. It may even be the first one of
   * that session which this service hears.
   */
  #isCurrent(stream: number): boolean {
    const current = this.#stream;
    const start = startOf(stream);
    if (this.#retired.includes(start)) return false;
    const isSameStart = current !== null && startOf(current) === start;
    if (isSameStart && stream < current) return false;
    this.lastHeard = this.#clock.now();
    if (stream === current) return true;
    if (current !== null) {
      if (!isSameStart) this.#retired.push(startOf(current));
      if (this.#retired.length > RETIRED_STARTS) this.#retired.shift();
      this.playback.reset();
      this.capture.reset();
    }
    this.#stream = stream;
    return true;
  }
}
