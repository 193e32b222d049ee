/**
 * The lead of playback over simulated time: bursts as PipeWire and PulseAudio make them, late timers, pauses, clocks that
 * drift apart. The loudspeaker plays a sample of each block at its own clock; a gap is a moment at which it had none.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  LEAD_BURST_SHARE,
  LEVEL_TOLERANCE_MS,
  MAX_LEAD_MS,
  MIN_LEAD_MS,
  PLAYBACK_REQUEST_MS,
} from '../../../../clients/agents/audio/limits.ts';
import { PlaybackLine } from '../../../../clients/agents/audio/lines/playback-line.ts';
import { Jitter } from '../../../../clients/agents/audio/pcm/jitter.ts';
import { bytesOf, millisecondsOf } from '../../../../clients/agents/audio/pcm/pcm.ts';
import { resample } from '../../../../clients/agents/audio/pcm/slip.ts';
import type {
  PlaybackEvents,
  PlaybackStream,
  SoundServer,
} from '../../../../clients/agents/audio/service/sound-server.ts';
import { FakeClock } from '../../../support/clock.ts';
import { Random } from '../../../support/random.ts';

const jitter = suite('the lead of playback');
/** The same lateness in each run: these are measurements, and their limits are tight. */
const random = new Random(17);

/** A sound server with a loudspeaker: it plays at its own clock, and counts moments without sound. */
class Loudspeaker implements SoundServer {
  readonly #clock: FakeClock;
  readonly #keepsAll: boolean;
  readonly played: Uint8Array[] = [];
  flushes = 0;
  written = 0;
  consumed = 0;
  /** Wanted to play while it had nothing, in bytes, between two sounds as well. */
  isDry = true;
  #events: PlaybackEvents | null = null;

  readonly #stepMs: number;

  /**
   * @param keepsAll whether `played` is wanted; an hour of sound has 635 MB
   * @param stepMs takes so much at a time; a part of it is played as no sound
   */
  constructor(clock: FakeClock, keepsAll = false, stepMs = 10) {
    this.#clock = clock;
    this.#keepsAll = keepsAll;
    this.#stepMs = stepMs;
    this.#tick();
  }

  openPlayback(_vm: string, _device: string | null, events: PlaybackEvents): PlaybackStream {
    this.#events = events;
    const speaker = this;
    return {
      isLive: true,
      stepMs: this.#stepMs,
      get wanted() {
        return bytesOf(40) - (speaker.written - speaker.consumed);
      },
      get ahead() {
        return speaker.written - speaker.consumed;
      },
      get isEmpty() {
        return speaker.isDry;
      },
      write: (bytes) => {
        if (this.#keepsAll) this.played.push(bytes);
        this.written += bytes.length;
        this.isDry = false;
      },
      flush: () => {
        this.flushes++;
        this.consumed = this.written;
        this.isDry = true;
      },
      close: () => {},
    };
  }

  openCapture(): { close(): void } {
    return { close: () => {} };
  }

  sayGap(): void {
    this.#events?.onGap?.();
  }

  #tick(): void {
    this.#clock.schedule(this.#stepMs, () => {
      const step = this.#stepMs * (bytesOf(1_000) / 1_000);
      const isPart = this.#stepMs > PLAYBACK_REQUEST_MS && this.written - this.consumed < step;
      this.consumed = isPart ? this.written : Math.min(this.written, this.consumed + step);
      if (this.written - this.consumed < 1) this.isDry = true;
      if (!this.isDry) this.#events?.onWanted();
      this.#tick();
    });
  }
}

interface Source {
  /** Bytes of a burst and the time between two of them by the sender's clock, ms. */
  readonly burstBytes: number;
  readonly burstMs: number;
  /** How late a burst may be, ms. */
  readonly lateMs: number;
  /** The sender's second lasts so many of ours. */
  readonly drift?: number;
}

/** Lets `seconds` of sound come, in messages of at most 10 ms. */
function play(clock: FakeClock, line: PlaybackLine, source: Source, seconds: number): void {
  const { burstBytes, burstMs, lateMs, drift = 1 } = source;
  const start = clock.now();
  const bursts = Math.floor((seconds * 1_000) / burstMs);
  for (let burst = 0; burst < bursts; burst++) {
    const at = start + burst * burstMs * drift + (random.below(1_001) / 1_000) * lateMs;
    clock.advance(Math.max(0, at - clock.now()));
    for (let left = burstBytes; left > 0; left -= 1_764) line.push(new Uint8Array(Math.min(1_764, left)).fill(1));
  }
}

const PIPEWIRE: Source = { burstBytes: 7_528, burstMs: millisecondsOf(7_528), lateMs: 4 };
const PULSEAUDIO: Source = { burstBytes: 4_096, burstMs: millisecondsOf(4_096), lateMs: 6 };
/** PipeWire with a program that wants 10 ms. */
const SMALL: Source = { burstBytes: 940, burstMs: millisecondsOf(940), lateMs: 0 };
const BUSY: Source = { ...PIPEWIRE, lateMs: 25 };

/** What a burst may be late, by its length or because it was seen, ms. */
function marginOf({ burstMs, lateMs }: Source): number {
  return Math.max(MIN_LEAD_MS, burstMs * LEAD_BURST_SHARE, lateMs + LEVEL_TOLERANCE_MS);
}

for (const [label, source] of [
  ['PipeWire, 7 528 bytes every 42.7 ms (Qubes 8955, 9383)', PIPEWIRE],
  ['PulseAudio, 4 096 bytes every 23 ms', PULSEAUDIO],
] as const)
  jitter(`no gap in ten minutes of sounds with pauses from ${label}`, () => {
    const clock = new FakeClock();
    const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
    for (let sound = 0; sound < 30; sound++) {
      play(clock, line, source, 20);
      if (sound % 3 === 0) {
        line.cork();
        clock.advance(3_000);
        line.uncork();
      } else clock.advance(400 + sound * 100);
    }
    assert.is(line.counts.underruns, 0);
    assert.is(line.counts.dropped, 0);
    const { leadMs } = line.timing;
    assert.ok(leadMs <= PLAYBACK_REQUEST_MS + marginOf(source) + 1, `lead ${leadMs} ms`);
  });

for (const [label, source] of [
  ['PipeWire', PIPEWIRE],
  ['PulseAudio', PULSEAUDIO],
  ['PipeWire with a program that wants 10 ms', SMALL],
] as const)
  jitter(`no gap of ${label} with a server that takes 21.3 ms at a time, as PipeWire in a VM`, () => {
    const clock = new FakeClock();
    const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock, false, (1_024 * 1_000) / 48_000), clock);
    for (let sound = 0; sound < 10; sound++) {
      play(clock, line, source, 20);
      clock.advance(400 + sound * 100);
    }
    assert.is(line.counts.underruns, 0);
    assert.is(line.counts.dropped, 0);
    assert.ok(line.timing.leadMs <= 22 + marginOf(source) + 5, `lead ${line.timing.leadMs} ms`);
  });

jitter('a gap that only the sound server noticed is counted', () => {
  const clock = new FakeClock();
  const server = new Loudspeaker(clock);
  const line = new PlaybackLine('chrome-vm', server, clock);
  play(clock, line, PIPEWIRE, 1);
  server.sayGap();
  assert.is(line.counts.underruns, 1);
});

jitter('a first burst that was held up makes no lead longer: what comes behind it is early', () => {
  const clock = new FakeClock();
  const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
  for (let sound = 0; sound < 6; sound++) {
    const start = clock.now();
    for (let burst = 0; burst < 100; burst++) {
      clock.advance(Math.max(0, start + Math.max(25, burst * SMALL.burstMs) - clock.now()));
      line.push(new Uint8Array(SMALL.burstBytes).fill(1));
    }
    clock.advance(800);
  }
  assert.is(line.counts.underruns, 0);
  assert.ok(line.timing.leadMs <= MIN_LEAD_MS + PLAYBACK_REQUEST_MS + 1, `lead ${line.timing.leadMs} ms`);
});

jitter('a first burst that came early makes the lead longer: what comes behind it is late', () => {
  const clock = new FakeClock();
  const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
  line.push(new Uint8Array(SMALL.burstBytes).fill(1));
  clock.advance(12);
  play(clock, line, SMALL, 1);
  assert.ok(line.timing.leadMs >= 12 + PLAYBACK_REQUEST_MS - SMALL.burstMs, `lead ${line.timing.leadMs} ms`);
});

jitter('sound that waited for its stream is a lead already', () => {
  const timing = new Jitter();
  for (let burst = 0; burst < 100; burst++) timing.arrive(SMALL.burstMs, burst * SMALL.burstMs, 20);
  const now = 99 * SMALL.burstMs;
  const leads = [timing.leadFor(SMALL.burstMs, now), timing.leadFor(SMALL.burstMs + 10, now), timing.leadFor(60, now)];
  assert.equal(leads.map(Math.round), [18, 8, 0]);
});

jitter('a level that is too high is lowered after five seconds, in silence after one', () => {
  for (const [sample, seconds] of [
    [1, 9],
    [0, 1.2],
  ] as const) {
    const clock = new FakeClock();
    const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
    line.push(new Uint8Array(bytesOf(40)).fill(sample)); // waited somewhere
    const start = clock.now();
    for (let burst = 0; burst < (seconds * 1_000) / SMALL.burstMs; burst++) {
      clock.advance(Math.max(0, start + burst * SMALL.burstMs - clock.now()));
      line.push(new Uint8Array(SMALL.burstBytes).fill(sample));
    }
    const { latencyMs, leadMs } = line.timing;
    assert.ok(latencyMs <= leadMs + 15, `latency ${latencyMs} ms of ${sample === 0 ? 'silence' : 'sound'}`);
    assert.is(line.counts.underruns, 0);
  }
});

jitter('messages of 2.5 ms, one every 2.5 ms, are as many bursts, and a level that is too high is corrected', () => {
  const clock = new FakeClock();
  const line = new PlaybackLine('mail-vm', new Loudspeaker(clock), clock);
  const source = { burstBytes: 440, burstMs: millisecondsOf(440), lateMs: 0 };
  line.push(new Uint8Array(bytesOf(60)).fill(1)); // waited somewhere
  play(clock, line, source, 20);
  const { burstMs, leadMs, latencyMs } = line.timing;
  assert.equal([burstMs, leadMs], [2.5, MIN_LEAD_MS + PLAYBACK_REQUEST_MS]);
  assert.ok(latencyMs <= leadMs + 10, `latency ${latencyMs} ms`);
  assert.is(line.counts.underruns, 0);
});

jitter('the lead is taken from the length of the bursts before a late one was seen', () => {
  const clock = new FakeClock();
  const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
  assert.is(line.timing.leadMs, MIN_LEAD_MS + PLAYBACK_REQUEST_MS);
  play(clock, line, { ...PIPEWIRE, lateMs: 0 }, 2);
  assert.equal([line.timing.burstMs, line.timing.leadMs], [42.7, 31.3]);
});

jitter('sound that waited and comes at once does not make the lead longer', () => {
  const clock = new FakeClock();
  const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
  const waited = { burstBytes: bytesOf(290), burstMs: 290, lateMs: 0 };
  for (let click = 0; click < 12; click++) {
    play(clock, line, waited, 0.58);
    clock.advance(700);
  }
  assert.is(line.timing.burstMs, 0, 'longer than an agent sends at a time');
  assert.is(line.timing.leadMs, MIN_LEAD_MS + PLAYBACK_REQUEST_MS);
});

jitter(
  'a sender that is often late has gaps in its first sound only; the lead grows as far as needed, and falls again',
  () => {
    const clock = new FakeClock();
    const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
    play(clock, line, BUSY, 20);
    const first = line.counts.underruns;
    assert.ok(first < 12, `${first} gaps`);
    for (let sound = 0; sound < 10; sound++) {
      clock.advance(2_000);
      play(clock, line, BUSY, 20);
    }
    assert.is(line.counts.underruns, first, 'what the first one taught holds for all others');
    assert.ok(line.timing.leadMs > 30 && line.timing.leadMs <= 41, `lead ${line.timing.leadMs} ms`);
    play(clock, line, PIPEWIRE, 60);
    assert.ok(line.timing.leadMs <= PLAYBACK_REQUEST_MS + marginOf(PIPEWIRE) + 1, `lead ${line.timing.leadMs} ms`);
    assert.ok(line.timing.latencyMs < 80, `latency ${line.timing.latencyMs} ms`);
  },
);

jitter('one burst that is later than the largest lead costs one gap, and no other', () => {
  const clock = new FakeClock();
  const line = new PlaybackLine('mail-vm', new Loudspeaker(clock), clock);
  play(clock, line, PULSEAUDIO, 20);
  clock.advance(200);
  play(clock, line, PULSEAUDIO, 60);
  assert.is(line.counts.underruns, 1);
  assert.is(line.counts.dropped, 0);
  assert.ok(line.timing.leadMs <= 22, `no lead would have covered it, and the lead is ${line.timing.leadMs} ms`);
});

jitter('one late burst in half a minute makes the lead no longer, one in each window does', () => {
  const clock = new FakeClock();
  const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
  const hiccup = (): void => {
    clock.advance(15);
    play(clock, line, SMALL, 0.015);
    play(clock, line, SMALL, 6);
  };
  play(clock, line, SMALL, 10);
  hiccup();
  assert.ok(line.timing.leadMs <= 22, `lead ${line.timing.leadMs} ms`);
  hiccup();
  assert.ok(line.timing.leadMs > 22, `lead ${line.timing.leadMs} ms`);
});

jitter('the lead is bounded, whatever comes', () => {
  const clock = new FakeClock();
  const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
  play(clock, line, { ...PIPEWIRE, lateMs: 400 }, 60);
  assert.is(line.timing.leadMs, MAX_LEAD_MS);
});

for (const [label, drift] of [
  ['faster', 0.9997],
  ['slower', 1.0003],
] as const)
  jitter(`the clock of a VM that runs ${label} for ten minutes: no gap, nothing dropped, latency bounded`, () => {
    const clock = new FakeClock();
    const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
    play(clock, line, { ...PIPEWIRE, drift }, 60);
    let worst = 0;
    for (let part = 0; part < 9; part++) {
      play(clock, line, { ...PIPEWIRE, drift }, 60);
      worst = Math.max(worst, line.timing.latencyMs);
    }
    const { underruns, dropped, slipped } = line.counts;
    assert.equal([underruns, dropped], [0, 0]);
    // 300 millionths of ten minutes, and what the measurement is wrong by, in sample frames.
    assert.ok(slipped > 5_000 && slipped < 30_000, `${slipped} sample frames`);
    assert.ok(worst < 90, `latency ${worst} ms`);
  });

jitter('clocks that drift apart for two hours: no gap, nothing dropped, latency bounded', () => {
  const clock = new FakeClock();
  const line = new PlaybackLine('chrome-vm', new Loudspeaker(clock), clock);
  const source = { ...PIPEWIRE, drift: 0.999_95 };
  const latencies: number[] = [];
  for (let part = 0; part < 12; part++) {
    play(clock, line, source, 600);
    latencies.push(line.timing.latencyMs);
  }
  const { underruns, dropped, slipped } = line.counts;
  assert.equal([underruns, dropped], [0, 0]);
  // 50 millionths of two hours.
  assert.ok(slipped > 10_000, `${slipped} sample frames`);
  assert.ok(Math.max(...latencies) < 90, latencies.join(' '));
});

jitter('a slip makes no click: a sine goes on in value and slope, one sample frame shorter or longer', () => {
  const step = (2 * Math.PI * 1_000) / 44_100;
  const sine = (frame: number): number => Math.round(Math.sin(frame * step) * 16_000);
  const block = (from: number, frames: number): Uint8Array => {
    const samples = Array.from({ length: frames }, (_, frame) => [sine(from + frame), sine(from + frame)]).flat();
    return new Uint8Array(Int16Array.from(samples).buffer);
  };
  for (const frames of [440, 442, 432, 450]) {
    const joined = [block(0, 441), resample(block(441, 441), block(882, 1), frames), block(882, 441)];
    const all = Buffer.concat(joined);
    const left = Array.from({ length: all.length / 4 }, (_, frame) => all.readInt16LE(frame * 4));
    assert.is(left.length, 882 + frames);
    const steps = left.slice(1).map((value, index) => value - (left[index] ?? 0));
    const bends = steps.slice(1).map((value, index) => Math.abs(value - (steps[index] ?? 0)));
    // A step of a sine of this level is 2 280 at most, and changes by 325 from one sample to the next.
    assert.ok(Math.max(...steps.map(Math.abs)) < 2_400, `${frames} frames`);
    assert.ok(Math.max(...bends) < 700, `${frames} frames: ${Math.max(...bends)}`);
  }
});

jitter(
  'a muted VM is silent with the next sample: what the sound server has of it is dropped too (Qubes 6778, 7651)',
  () => {
    const clock = new FakeClock();
    const server = new Loudspeaker(clock, true);
    const line = new PlaybackLine('chrome-vm', server, clock);
    line.push(new Uint8Array(bytesOf(30)).fill(9));
    const before = server.played.length;
    line.setGain(0);
    assert.is(server.flushes, 1);
    line.push(new Uint8Array(bytesOf(10)).fill(9));
    clock.advance(200);
    assert.ok(server.played.slice(before).every((bytes) => bytes.every((byte) => byte === 0)));
    line.setGain(1);
    line.setGain(0.5);
    assert.is(server.flushes, 1, 'another volume drops nothing');
  },
);

jitter.run();
