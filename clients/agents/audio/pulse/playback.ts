/**
 * A playback stream in a sound server.
 *
 *   written ----------------------------> played
 *            ahead: in the server's buffer
 *
 * The server asks for samples as it plays them, in steps of some milliseconds, and says so when it has played all of them.
 * Then it is asked how far it is: samples that were on their way to it when it ran dry would be counted wrong otherwise.
 * Nothing is written before the stream exists. A server that is slow to start it would keep what was written meanwhile as a
 * backlog for as long as the sound goes on, and play it even after the VM was muted.
 */

import { DRAIN_LIMIT_MS, PLAYBACK_BUFFER_MS, PLAYBACK_REQUEST_MS } from '../limits.ts';
import type { AudioClock } from '../pcm/audio-clock.ts';
import { bytesOf, millisecondsOf, SAMPLE_FRAME_BYTES, SAMPLE_RATE_HZ } from '../pcm/pcm.ts';
import type { PlaybackEvents, PlaybackStream } from '../service/sound-server.ts';
import { soundServerAddress, soundServerCookie } from './address.ts';
import { Command, PulseConnection } from './connection.ts';
import { type TagReader, TagWriter, UNSET } from './tagstruct.ts';

/** So many requests in turn are one step each at least. */
const STEP_REQUESTS = 4;

export class PulsePlayback implements PlaybackStream {
  readonly isLive = true;
  readonly #connection: PulseConnection;
  readonly #events: PlaybackEvents;
  readonly #clock: AudioClock;
  #channel: number | null = null;
  /** Bytes that the server keeps ahead of the sample that it plays. */
  #buffer = 0;
  #written = 0;
  /** Bytes of #written that the server has reported as played. */
  #played = 0;
  #playedAt = 0;
  /** The last requests, bytes. */
  readonly #requests: number[] = [];
  #isEmpty = true;
  #isAsking = false;
  #isClosed = false;

  constructor(env: NodeJS.ProcessEnv, clock: AudioClock, vm: string, device: string | null, events: PlaybackEvents) {
    this.#events = events;
    this.#clock = clock;
    this.#connection = new PulseConnection(soundServerAddress(env), soundServerCookie(env), vm, {
      onCommand: (command, body) => this.#onCommand(command, body),
      onSamples: () => {},
      onLost: () => this.#lose(),
    });
    this.#connection.request(Command.createPlayback, createBody(vm, device), (reply) => this.#onCreated(reply));
  }

  get wanted(): number {
    return this.#channel === null || this.#isAsking ? 0 : this.#buffer - (this.#written - this.#played);
  }

  /**
   * A server may take more at a time than was asked of it: PipeWire in a VM takes 21 ms. Its requests show it. One that came
   * late is longer, and several in turn are not.
   */
  get stepMs(): number {
    return this.#requests.length < STEP_REQUESTS ? 0 : millisecondsOf(Math.min(...this.#requests));
  }

  /** Between two words of the server the clock goes on, at most as far as the next word. */
  get ahead(): number {
    const elapsed = Math.min(this.#leastMs, this.#clock.now() - this.#playedAt);
    return Math.max(0, this.#written - this.#played - bytesOf(elapsed));
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  write(bytes: Uint8Array): void {
    // A sound server ends the connection of a client that sends no samples.
    if (this.#channel === null || bytes.length === 0) return;
    this.#isEmpty = false;
    this.#written += bytes.length;
    this.#connection.samples(this.#channel, bytes);
  }

  flush(): void {
    this.#flush();
    this.#ask(false);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#channel === null || this.#isEmpty) {
      this.#connection.close();
      return;
    }
    // The stream goes when its last sample was heard; a server that does not say so gets this long.
    const cancel = this.#clock.schedule(DRAIN_LIMIT_MS, () => this.#connection.close());
    this.#connection.request(Command.drainPlayback, new TagWriter().u32(this.#channel), () => {
      cancel();
      this.#connection.close();
    });
  }

  /** Less is not played, ms. */
  get #leastMs(): number {
    return Math.max(PLAYBACK_REQUEST_MS, this.stepMs);
  }

  #onCreated(reply: TagReader): void {
    const channel = reply.u32();
    reply.u32(); // index of the sink input
    reply.u32(); // bytes that it wants now: all that fits the buffer
    reply.u32(); // the longest that the buffer may be
    this.#buffer = reply.u32();
    if (reply.isFaulty) {
      this.#connection.close();
      this.#lose();
      return;
    }
    this.#channel = channel;
    if (!this.#isClosed) this.#events.onWanted();
  }

  #onCommand(command: number, body: TagReader): void {
    const channel = body.u32();
    if (body.isFaulty || channel !== this.#channel) return;
    if (command === Command.request) {
      const bytes = body.u32();
      this.#requests.push(bytes);
      if (this.#requests.length > STEP_REQUESTS) this.#requests.shift();
      this.#setPlayed(this.#played + bytes);
      if (!this.#isClosed) this.#events.onWanted();
    } else if (command === Command.underflow) {
      this.#ask(true);
    } else if (command === Command.playbackKilled) {
      this.#connection.close();
      this.#lose();
    }
  }

  /** The server has seen all that was written before the question when it answers. */
  #ask(isUnderflow: boolean): void {
    if (this.#channel === null || this.#isAsking) return;
    this.#isAsking = true;
    const written = this.#written;
    const body = new TagWriter().u32(this.#channel).time(0, 0);
    this.#connection.request(Command.playbackLatency, body, (reply) => {
      reply.microseconds(); // of the sink
      reply.microseconds(); // of the source
      reply.bool(); // it plays
      reply.skipTime();
      reply.skipTime();
      const buffered = reply.s64() - reply.s64();
      this.#isAsking = false;
      if (reply.isFaulty) return;
      const isDry = isUnderflow && buffered < bytesOf(this.#leastMs) && this.#written === written;
      // PipeWire takes samples in blocks. It keeps an incomplete block, and would play it before the next sound.
      if (isDry && buffered > 0) this.#flush();
      // More was on its way while the server ran dry. Before its first sample a stream is dry without a gap.
      if (isUnderflow && !isDry && this.#played > 0) this.#events.onGap?.();
      this.#setPlayed(isDry ? written : written - Math.max(0, buffered));
      this.#isEmpty = this.#written === this.#played;
      if (!this.#isClosed) this.#events.onWanted();
    });
  }

  #flush(): void {
    if (this.#channel === null) return;
    this.#connection.request(Command.flushPlayback, new TagWriter().u32(this.#channel), () => {});
  }

  #setPlayed(played: number): void {
    this.#played = Math.min(played, this.#written);
    this.#playedAt = this.#clock.now();
  }

  #lose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.onLost();
  }
}

function createBody(vm: string, device: string | null): TagWriter {
  return new TagWriter()
    .stereo(SAMPLE_RATE_HZ)
    .u32(UNSET) // index of the sink
    .string(device)
    .u32(UNSET) // the longest that the buffer may be
    .bool(false) // corked
    .u32(bytesOf(PLAYBACK_BUFFER_MS))
    .u32(SAMPLE_FRAME_BYTES) // starts with the first sample, stops without one; the lead is ours
    .u32(bytesOf(PLAYBACK_REQUEST_MS))
    .u32(0) // synchronized with no other stream
    .fullVolume()
    .bools(false, false, false, false, false, false, false) // no remap, no remix, fix format, rate, channels, no move, variable
    .bool(false) // muted
    .bool(true) // adjust latency
    .properties({ 'media.name': vm, 'application.name': vm })
    .bools(false, false) // the volume above is meant; early requests
    .bools(false, false, false) // muted is meant; no auto suspend; fail on suspend
    .bool(false) // relative volume
    .bool(false); // passthrough
}
