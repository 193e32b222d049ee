/**
 * What one VM plays, from its messages to its stream in the sound server.
 *
 * The stream is written by the clock: the sound server's `writeAheadMs` ahead of what can have been played by now and no more, so that audio
 * waits where it can still be counted, corked and dropped. A stream that is lost is opened again and takes up where the VM
 * is by then; the VM notices nothing.
 */
import type { AudioClock } from './audio-clock.ts';
import { applyGain } from './gain.ts';
import { CORK_LINGER_MS, DRAIN_TAIL_MS, PLAYBACK_QUEUE_MS, REOPEN_MS } from './limits.ts';
import { FRAME_BYTES, FRAME_MS, isWholeFrames, millisecondsOf } from './pcm.ts';
import { PcmBuffer } from './pcm-buffer.ts';
import { type PlaybackPhase, PlaybackState } from './playback-state.ts';
import type { PlaybackStream, SoundServer } from './sound-server.ts';

export interface PlaybackCounts {
  /** Bytes given to the sound server. */
  readonly played: number;
  /** Bytes pushed out because the VM sent faster than they are played. */
  readonly dropped: number;
  /** Messages that were not whole sample frames. */
  readonly malformed: number;
  /** Times that there was nothing to play although the stream was running. */
  readonly underruns: number;
  readonly reopened: number;
}

export class PlaybackLine {
  readonly #vm: string;
  readonly #server: SoundServer;
  readonly #clock: AudioClock;
  readonly #queue = new PcmBuffer((FRAME_BYTES / FRAME_MS) * PLAYBACK_QUEUE_MS);
  #state = new PlaybackState();
  #stream: PlaybackStream | null = null;
  #route: string | null = null;
  #gain = 1;
  /** When the last byte written will have been played. */
  #playedUntil = 0;
  /** Not before: the sound server has just gone away. */
  #openAfter = 0;
  #cancelPump: (() => void) | null = null;
  #cancelLinger: (() => void) | null = null;
  #isEnded = false;
  readonly #counts = { played: 0, malformed: 0, underruns: 0, reopened: 0 };

  constructor(vm: string, server: SoundServer, clock: AudioClock) {
    this.#vm = vm;
    this.#server = server;
    this.#clock = clock;
  }

  get phase(): PlaybackPhase {
    return this.#state.phase;
  }

  /** It has a stream in the sound server. */
  get isOpen(): boolean {
    return this.#stream !== null;
  }

  get counts(): PlaybackCounts {
    return { ...this.#counts, dropped: this.#queue.dropped };
  }

  /** One message; a copy is kept. */
  push(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    if (!isWholeFrames(bytes)) {
      this.#counts.malformed++;
      return;
    }
    this.#queue.push(bytes);
    this.#pump();
  }

  cork(): void {
    if (this.#state.cork() === 'drain') this.#pump();
  }

  uncork(): void {
    if (this.#state.uncork() === 'resume') this.#pump();
  }

  setGain(gain: number): void {
    this.#gain = gain;
  }

  /** Another sink, or null for the default one. What is written already is still played by the old one. */
  setRoute(device: string | null): void {
    if (device === this.#route) return;
    this.#route = device;
    this.#closeStream();
    this.#pump();
  }

  /** The VM starts anew: nothing of the old start is played or remembered. Volume and route are the person's, and stay. */
  reset(): void {
    this.#queue.clear();
    this.#closeStream();
    this.#state = new PlaybackState();
  }

  /** The VM is gone: what it has sent is played to its end, then the stream goes. */
  end(): void {
    while (!this.#isEnded && this.#stream !== null && this.#queue.length > 0) this.#write(this.#stream);
    this.#isEnded = true;
    this.#queue.clear();
    this.#closeStream();
  }

  #pump(): void {
    this.#cancelPump?.();
    this.#cancelPump = null;
    if (this.#isEnded || this.#state.phase === 'corked') return;
    const now = this.#clock.now();
    const stream = this.#queue.length > 0 ? this.#open(now) : this.#stream;
    if (this.#playedUntil < now) {
      if (this.#stream !== null && this.#playedUntil > 0 && this.#queue.length > 0) this.#counts.underruns++;
      this.#playedUntil = now;
    }
    if (stream !== null) {
      while (this.#queue.length > 0 && this.#playedUntil - now < this.#server.writeAheadMs) this.#write(stream);
    }
    this.#plan(now, stream);
  }

  #plan(now: number, stream: PlaybackStream | null): void {
    if (this.#queue.length > 0) {
      const wait = stream === null ? this.#openAfter - now : this.#playedUntil - this.#server.writeAheadMs - now;
      this.#later(Math.max(1, wait), () => this.#pump());
    } else if (this.#state.phase === 'draining') {
      const tail = stream === null ? 0 : this.#playedUntil + DRAIN_TAIL_MS - now;
      this.#later(tail, () => this.#drained());
    }
  }

  #drained(): void {
    const next = this.#state.drained(this.#queue.length === 0);
    if (next === 'drain') this.#pump();
    if (next !== 'cork') return;
    this.#cancelLinger = this.#clock.schedule(CORK_LINGER_MS, () => this.#closeStream());
  }

  #write(stream: PlaybackStream): void {
    const bytes = this.#queue.take(FRAME_BYTES);
    applyGain(bytes, this.#gain);
    stream.write(bytes);
    this.#counts.played += bytes.length;
    this.#playedUntil += millisecondsOf(bytes.length);
  }

  #open(now: number): PlaybackStream | null {
    this.#cancelLinger?.();
    this.#cancelLinger = null;
    if (this.#stream !== null || now < this.#openAfter) return this.#stream;
    const stream = this.#server.openPlayback(this.#vm, this.#route, () => {
      if (this.#stream !== stream) return;
      this.#stream = null;
      this.#counts.reopened++;
      this.#openAfter = this.#clock.now() + REOPEN_MS;
      this.#pump();
    });
    this.#stream = stream;
    this.#playedUntil = now;
    return stream;
  }

  #closeStream(): void {
    this.#cancelPump?.();
    this.#cancelLinger?.();
    this.#cancelPump = this.#cancelLinger = null;
    const stream = this.#stream;
    this.#stream = null;
    stream?.close();
  }

  #later(delayMs: number, task: () => void): void {
    this.#cancelPump = this.#clock.schedule(delayMs, task);
  }
}
