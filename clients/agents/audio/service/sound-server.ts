/**
 * What the service needs of a sound server: streams named after VMs. Twins: PulseAudio's protocol, WAV files, and
 * memory in tests. A stream says how much it wants, so that audio waits where it can still be counted, muted and
 * dropped.
 */
import type { AudioClock } from '../pcm/audio-clock.ts';
import { bytesOf, FRAME_MS, millisecondsOf } from '../pcm/pcm.ts';

export interface PlaybackStream {
  /** A person listens now: gaps are heard, and so is every millisecond of delay. */
  readonly isLive: boolean;
  /** How much it takes at a time, ms; less than that is not played. 0 = not known yet. */
  readonly stepMs: number;
  /** Bytes that it takes now; 0 or less = none. `onWanted` follows when that grows. */
  readonly wanted: number;
  /** Bytes written and not yet played, as far as is known. */
  readonly ahead: number;
  /** All that was written is played: a new sound starts. */
  readonly isEmpty: boolean;
  /** Whole sample frames; taken over by the stream. */
  write(bytes: Uint8Array): void;
  /** Drops the written data that was not played yet. */
  flush(): void;
  /** Plays all written data, then closes. */
  close(): void;
}

/** Never called within a call of the stream. */
export interface PlaybackEvents {
  readonly onWanted: () => void;
  /** The server had nothing to play for a moment, within a sound: what follows was given to it too late. */
  readonly onGap?: () => void;
  /** How a stream ends that was not closed: the sound server went away, or there is none. Called once. */
  readonly onLost: OnLost;
}

export interface CaptureStream {
  close(): void;
}

export type OnLost = () => void;

export interface SoundServer {
  /** A VM has come or gone. For a server that has something to prepare for each VM. */
  attach?(vm: string, domid: number): void;
  detach?(vm: string): void;
  /** `device` null: the default sink. */
  openPlayback(vm: string, device: string | null, events: PlaybackEvents): PlaybackStream;
  openCapture(vm: string, onBytes: (bytes: Uint8Array) => void, onLost: OnLost): CaptureStream;
}

/** Discards its bytes: no sound server plays them. */
export interface Sink {
  write(bytes: Uint8Array): void;
  close(): void;
}

/**
 * A stream into something without a clock of its own, such as a file: it takes as much as `aheadMs` of time lets it.
 */
export class ClockedStream implements PlaybackStream {
  readonly isLive = false;
  readonly stepMs = FRAME_MS;
  readonly #clock: AudioClock;
  readonly #aheadMs: number;
  readonly #sink: Sink;
  readonly #onWanted: () => void;
  #playedUntil: number;
  #cancel: (() => void) | null = null;

  constructor(clock: AudioClock, aheadMs: number, sink: Sink, { onWanted }: PlaybackEvents) {
    this.#clock = clock;
    this.#aheadMs = aheadMs;
    this.#sink = sink;
    this.#onWanted = onWanted;
    this.#playedUntil = clock.now();
  }

  get wanted(): number {
    return bytesOf(this.#aheadMs) - this.ahead;
  }

  get ahead(): number {
    return bytesOf(Math.max(0, this.#playedUntil - this.#clock.now()));
  }

  get isEmpty(): boolean {
    return this.ahead === 0;
  }

  write(bytes: Uint8Array): void {
    this.#playedUntil = Math.max(this.#playedUntil, this.#clock.now()) + millisecondsOf(bytes.length);
    this.#sink.write(bytes);
    this.#askLater();
  }

  flush(): void {}

  /**
   * Asks for more as soon as the stream takes some. The timer may fire while it is still full: a block may overshoot
   * `aheadMs`, and timers may fire early. Then it looks again, because nobody else will.
   */
  #askLater(): void {
    this.#cancel ??= this.#clock.schedule(FRAME_MS, () => {
      this.#cancel = null;
      if (this.wanted > 0) this.#onWanted();
      else this.#askLater();
    });
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#sink.close();
  }
}
