/**
 * What one VM plays, from its messages to its stream in the sound server.
 *
 *   VM ──> queue, bounded ──(volume, slips)──> the server's buffer ──> loudspeaker
 *
 * The server says how much it wants, and gets no more, so that audio waits where it can still be counted, muted and dropped.
 * A stream that is lost is opened again and takes up where the VM is by then; the VM notices nothing.
 */

import { CORK_LINGER_MS, DRAIN_TAIL_MS, GAP_MS, PLAYBACK_QUEUE_MS, REOPEN_MS } from '../limits.ts';
import type { AudioClock } from '../pcm/audio-clock.ts';
import { applyGain } from '../pcm/gain.ts';
import { Jitter } from '../pcm/jitter.ts';
import { bytesOf, FRAME_BYTES, isSilent, isWholeFrames, millisecondsOf, SAMPLE_FRAME_BYTES } from '../pcm/pcm.ts';
import { PcmBuffer } from '../pcm/pcm-buffer.ts';
import { resample } from '../pcm/slip.ts';
import type { PlaybackStream, SoundServer } from '../service/sound-server.ts';
import { type PlaybackPhase, PlaybackState } from './playback-state.ts';

export interface PlaybackCounts {
  /** Bytes given to the sound server. */
  readonly played: number;
  /** Bytes pushed out because the VM sent faster than they are played. */
  readonly dropped: number;
  /** Messages that were not whole sample frames. */
  readonly malformed: number;
  /** Gaps within a sound: its next part came, or was passed on, after all before it was played. */
  readonly underruns: number;
  readonly reopened: number;
  /** Sample frames taken out or put in, without a click, because the clocks of VM and loudspeaker drift apart. */
  readonly slipped: number;
}

export interface PlaybackTiming {
  /** Silence before each new sound, ms: as late as the VM's bursts were seen to be, and a little more. */
  readonly leadMs: number;
  /** Sound that waits now, in the service and in the sound server, ms. */
  readonly latencyMs: number;
  /** How much sound the VM sends at a time, ms. */
  readonly burstMs: number;
}

/** Fewer bytes are played as they are: less than one sample frame of them would have to go. */
const LEAST_SLIPPED_BYTES = FRAME_BYTES / 9;
/** Sample frames that a slip takes from 10 ms of sound, or adds, while at least so many are to be made up: 34, 15 and 4 cents of pitch. */
const SLIP_STEPS: readonly (readonly [from: number, frames: number])[] = [
  [4_410, 9],
  [220, 4],
  [0, 1],
];

export class PlaybackLine {
  readonly #vm: string;
  readonly #server: SoundServer;
  readonly #clock: AudioClock;
  readonly #queue = new PcmBuffer(bytesOf(PLAYBACK_QUEUE_MS));
  readonly #jitter = new Jitter();
  #state = new PlaybackState();
  #stream: PlaybackStream | null = null;
  #route: string | null = null;
  #gain = 1;
  /** Sample frames still to be taken out (above 0) or put in. */
  #toSlip = 0;
  /** The last block that was written is digital silence. */
  #isSilent = false;
  /** When the last sound of the VM will have been played, or was. */
  #playedUntil = Number.NEGATIVE_INFINITY;
  /** Not before: the sound server has just gone away. */
  #openAfter = 0;
  #cancelPump: (() => void) | null = null;
  #cancelLinger: (() => void) | null = null;
  #isEnded = false;
  readonly #counts = { played: 0, malformed: 0, underruns: 0, reopened: 0, slipped: 0 };

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

  get timing(): PlaybackTiming {
    const round = (ms: number): number => Math.round(ms * 10) / 10;
    const { leadMs, burstMs } = this.#jitter;
    return { leadMs: round(leadMs), latencyMs: round(this.#latencyMs), burstMs: round(burstMs) };
  }

  /** One message; a copy is kept. */
  push(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    if (!isWholeFrames(bytes)) {
      this.#counts.malformed++;
      return;
    }
    const now = this.#clock.now();
    const stream = this.#stream;
    if (stream === null || (stream.isEmpty && now - this.#playedUntil > GAP_MS)) {
      this.#jitter.restart();
      this.#toSlip = 0;
    }
    if (stream !== null && stream.stepMs > 0) this.#jitter.serveIn(stream.stepMs);
    const error = this.#jitter.arrive(millisecondsOf(bytes.length), now, this.#latencyMs, isSilent(bytes));
    if (error !== 0 && this.#toSlip === 0 && stream?.isLive === true)
      this.#toSlip = Math.round(bytesOf(error) / SAMPLE_FRAME_BYTES);
    this.#queue.push(bytes);
    this.#pump();
  }

  cork(): void {
    if (this.#state.cork() === 'drain') this.#pump();
  }

  uncork(): void {
    if (this.#state.uncork() === 'resume') this.#pump();
  }

  /** A muted VM falls silent at once: the samples that the sound server already has are dropped as well. */
  setGain(gain: number): void {
    const isMuted = gain === 0 && this.#gain !== 0;
    this.#gain = gain;
    const stream = this.#stream;
    if (!isMuted || stream === null) return;
    const { ahead } = stream;
    stream.flush();
    if (stream.isLive) stream.write(new Uint8Array(ahead - (ahead % SAMPLE_FRAME_BYTES)));
  }

  /** Another sink, or null for the default one. The old sink still plays the samples that it already has. */
  setRoute(device: string | null): void {
    if (device === this.#route) return;
    this.#route = device;
    this.#closeStream();
    this.#pump();
  }

  /** The VM starts again: the old start's sound is dropped and forgotten. The person's volume and route stay. */
  reset(): void {
    this.#queue.clear();
    this.#closeStream();
    this.#state = new PlaybackState();
  }

  /** The VM has gone: its sound is played to the end, then the stream is closed. */
  end(): void {
    while (!this.#isEnded && this.#stream !== null && this.#queue.length > 0) this.#write(this.#stream);
    this.#isEnded = true;
    this.#queue.clear();
    this.#closeStream();
  }

  get #latencyMs(): number {
    return millisecondsOf(this.#queue.length + (this.#stream?.ahead ?? 0));
  }

  #pump(): void {
    this.#cancelPump?.();
    this.#cancelPump = null;
    if (this.#isEnded || this.#state.phase === 'corked') return;
    const now = this.#clock.now();
    const stream = this.#queue.length > 0 ? this.#open(now) : this.#stream;
    if (stream !== null && this.#queue.length > 0 && stream.wanted > 0) {
      if (stream.isEmpty) this.#lead(stream, now);
      while (this.#queue.length > 0 && stream.wanted > 0) this.#write(stream);
      this.#playedUntil = now + this.#latencyMs;
    }
    this.#plan(now, stream);
  }

  /** The stream asks again by itself; what remains is a stream that is not there, and one that drains. */
  #plan(now: number, stream: PlaybackStream | null): void {
    if (this.#queue.length > 0) {
      if (stream === null) this.#later(Math.max(1, this.#openAfter - now), () => this.#pump());
    } else if (this.#state.phase === 'draining') {
      const tail = stream === null ? 0 : millisecondsOf(stream.ahead) + DRAIN_TAIL_MS;
      this.#later(tail, () => this.#drained());
    }
  }

  #drained(): void {
    const next = this.#state.drained(this.#queue.length === 0);
    if (next === 'drain') this.#pump();
    if (next !== 'cork') return;
    this.#cancelLinger = this.#clock.schedule(CORK_LINGER_MS, () => this.#closeStream());
  }

  /** All before was played: a new sound, or the next part of one that came too late. */
  #lead(stream: PlaybackStream, now: number): void {
    if (now - this.#playedUntil < GAP_MS) this.#counts.underruns++;
    this.#toSlip = 0;
    const leadMs = this.#jitter.leadFor(millisecondsOf(this.#queue.length), now);
    if (stream.isLive) stream.write(new Uint8Array(bytesOf(leadMs)));
  }

  #write(stream: PlaybackStream): void {
    const block = this.#queue.take(FRAME_BYTES);
    const wasSilent = this.#isSilent;
    this.#isSilent = isSilent(block);
    const isInSilence = wasSilent && this.#isSilent;
    const bytes = this.#toSlip === 0 || block.length < LEAST_SLIPPED_BYTES ? block : this.#slip(block, isInSilence);
    if (bytes.length === 0) return;
    applyGain(bytes, this.#gain);
    stream.write(bytes);
    this.#counts.played += bytes.length;
  }

  #slip(block: Uint8Array, isInSilence: boolean): Uint8Array {
    const left = Math.abs(this.#toSlip);
    const [, step = 0] = SLIP_STEPS.find(([from]) => left >= from) ?? [];
    const frames = block.length / SAMPLE_FRAME_BYTES;
    // Silence within silence may be of any length.
    const most = isInSilence ? frames : Math.max(1, Math.floor((step * block.length) / FRAME_BYTES));
    const change = Math.sign(this.#toSlip) * Math.min(most, left);
    this.#toSlip -= change;
    this.#counts.slipped += Math.abs(change);
    if (this.#toSlip === 0) this.#jitter.levelled(this.#clock.now());
    return resample(block, this.#queue.peekFrame(), frames - change);
  }

  #open(now: number): PlaybackStream | null {
    this.#cancelLinger?.();
    this.#cancelLinger = null;
    if (this.#stream !== null || now < this.#openAfter) return this.#stream;
    const stream = this.#server.openPlayback(this.#vm, this.#route, {
      onWanted: () => {
        if (this.#stream === stream) this.#pump();
      },
      onGap: () => {
        if (this.#stream === stream) this.#counts.underruns++;
      },
      onLost: () => {
        if (this.#stream !== stream) return;
        this.#stream = null;
        this.#counts.reopened++;
        this.#openAfter = this.#clock.now() + REOPEN_MS;
        this.#pump();
      },
    });
    this.#stream = stream;
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
