/**
 * The statements about audio data and control of the Qubes protocol, by their numbers in docs/audio.md: those about one
 * line, state or buffer. Tests with a broker are in statements.serial.test.ts, tests with a sound server next to it.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CAPTURE_PORT, Code, decodeCode, encodeCode, PLAYBACK_PORT } from '../../../clients/agents/audio/codes.ts';
import { CodeReader } from '../../../clients/agents/audio/guest/code-reader.ts';
import {
  CAPTURE_QUEUE_FRAMES,
  CORK_LINGER_MS,
  INLET_QUEUE_MS,
  PLAYBACK_QUEUE_MS,
} from '../../../clients/agents/audio/limits.ts';
import { CaptureLine } from '../../../clients/agents/audio/lines/capture-line.ts';
import { CaptureSender, type SendFrame } from '../../../clients/agents/audio/lines/capture-sender.ts';
import { CaptureSink } from '../../../clients/agents/audio/lines/capture-sink.ts';
import { PlaybackInlet } from '../../../clients/agents/audio/lines/playback-inlet.ts';
import { PlaybackLine } from '../../../clients/agents/audio/lines/playback-line.ts';
import { PlaybackState } from '../../../clients/agents/audio/lines/playback-state.ts';
import { applyGain, checkVolume, gainOf } from '../../../clients/agents/audio/pcm/gain.ts';
import { checkSampleSpec, FRAME_BYTES } from '../../../clients/agents/audio/pcm/pcm.ts';
import { PcmBuffer } from '../../../clients/agents/audio/pcm/pcm-buffer.ts';
import { SilenceWatch } from '../../../clients/agents/audio/pcm/silence.ts';
import { VmAudio } from '../../../clients/agents/audio/service/vm-audio.ts';
import { firstStream } from '../../../clients/agents/audio/stream-number.ts';
import { FakeClock } from '../../support/clock.ts';
import { MemoryServer } from './memory-server.ts';

const statements = suite('audio statements');

const frame = (value: number): Uint8Array => new Uint8Array(FRAME_BYTES).fill(value);
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

function line(): { clock: FakeClock; server: MemoryServer; playback: PlaybackLine } {
  const clock = new FakeClock();
  const server = new MemoryServer(clock);
  return { clock, server, playback: new PlaybackLine('chrome-vm', server, clock) };
}

function vmAudio(send: SendFrame = async () => 'sent'): { clock: FakeClock; server: MemoryServer; vm: VmAudio } {
  const clock = new FakeClock();
  const server = new MemoryServer(clock);
  return { clock, server, vm: new VmAudio('chrome-vm', 101, server, clock, send) };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

statements('1: playback is port 4713, capture and codes are port 4714', () => {
  assert.equal([PLAYBACK_PORT, CAPTURE_PORT], [4_713, 4_714]);
});

statements('2: any declared format but S16LE, 44 100 Hz, stereo is refused', () => {
  checkSampleSpec({ format: 's16le', rate: 44_100, channels: 2 });
  for (const spec of [
    { format: 's24le', rate: 44_100, channels: 2 },
    { format: 's16le', rate: 48_000, channels: 2 },
    { format: 's16le', rate: 44_100, channels: 1 },
  ])
    assert.throws(
      () => checkSampleSpec(spec),
      (error: unknown) => codeOf(error) === 'ERR_AUDIO_FORMAT',
    );
});

statements('3: codes are little-endian; three bytes of one wait, and are never acted on', () => {
  assert.equal([...encodeCode(Code.sourceStart)], [1, 0, 1, 0]);
  const reader = new CodeReader();
  assert.equal(reader.push(Uint8Array.of(1, 0, 1)), []);
  assert.is(reader.pending, 3);
  assert.equal(reader.push(Uint8Array.of(0, 0, 0)), [Code.sourceStart]);
  assert.equal(reader.push(Uint8Array.of(2, 0)), [Code.sinkCork]);
  for (const length of [0, 1, 3, 5, 8]) assert.is(decodeCode(new Uint8Array(length)), null);
});

statements('13: a cork lets what is queued play to its end first', () => {
  const { clock, server, playback } = line();
  for (let index = 0; index < 10; index++) playback.push(frame(index + 1));
  playback.cork();
  assert.is(playback.phase, 'draining');
  clock.advance(60);
  assert.is(playback.phase, 'draining');
  clock.advance(1_000);
  assert.is(playback.phase, 'corked');
  assert.is(server.heard('chrome-vm').length, 10 * FRAME_BYTES);
  clock.advance(CORK_LINGER_MS);
  assert.is(server.open, 0, 'a long cork leaves the sound server');
  assert.is(clock.pendingTimers, 0);
});

statements('14: an uncork during the drain leaves the stream running', () => {
  const { clock, server, playback } = line();
  playback.push(frame(1));
  playback.cork();
  playback.uncork();
  clock.advance(CORK_LINGER_MS);
  assert.is(playback.phase, 'running');
  playback.push(frame(2));
  assert.is(server.heard('chrome-vm').length, 2 * FRAME_BYTES);
  assert.is(server.playbacks.length, 1);
});

statements('15: cork, uncork, data, cork during a drain plays the late data', () => {
  const { clock, server, playback } = line();
  for (let index = 0; index < 6; index++) playback.push(frame(1));
  playback.cork();
  playback.uncork();
  for (let index = 0; index < 6; index++) playback.push(frame(2));
  playback.cork();
  clock.advance(2_000);
  assert.is(playback.phase, 'corked');
  assert.is(server.heard('chrome-vm').length, 12 * FRAME_BYTES);
});

statements('16 and 17: a second cork starts no second drain, a cork when corked does nothing', () => {
  const state = new PlaybackState();
  assert.is(state.cork(), 'drain');
  assert.is(state.cork(), 'nothing');
  assert.is(state.uncork(), 'nothing');
  assert.is(state.cork(), 'nothing', 'the drain under way serves this cork too');
  assert.is(state.drained(true), 'cork');
  assert.is(state.cork(), 'nothing');
  assert.is(state.phase, 'corked');
  assert.is(state.drained(true), 'nothing', 'a drain that nobody waits for');
  assert.is(state.uncork(), 'resume');
});

statements('18 and 19: unknown codes change nothing, also as the first word; states after it take effect', () => {
  const { vm } = vmAudio();
  for (const code of [Code.hello, 0xffff_ffff, 0]) vm.onCode(encodeCode(code), 1);
  assert.equal([vm.capture.asked, vm.playback.phase, vm.unknownCodes], [false, 'running', 3]);
  vm.onCode(encodeCode(Code.sourceStart), 1);
  vm.onCode(encodeCode(Code.sinkCork), 1);
  assert.equal([vm.capture.asked, vm.playback.phase], [true, 'draining']);
});

statements('20: at first the source is stopped and the sink runs', () => {
  const { vm } = vmAudio();
  assert.equal([vm.capture.asked, vm.capture.actual, vm.playback.phase], [false, false, 'running']);
});

statements('22: what one start of a VM corked and asked for is over with the next, whatever comes late', async () => {
  const { vm, clock } = vmAudio();
  vm.capture.grant(true);
  vm.onCode(encodeCode(Code.sinkCork), 1);
  vm.onCode(encodeCode(Code.sourceStart), 1);
  await settle();
  clock.advance(1_000);
  assert.equal([vm.playback.phase, vm.capture.actual], ['corked', true]);
  vm.onPlayback(frame(1), 2);
  assert.equal([vm.playback.phase, vm.capture.asked, vm.capture.actual], ['running', false, false]);
  vm.onCode(encodeCode(Code.sinkCork), 1);
  assert.is(vm.playback.phase, 'running', 'a late word of the old start');
});

statements(
  '22: a late message of an earlier session is ignored, also by a service that has not heard that session',
  () => {
    const { server, vm } = vmAudio();
    const [earlier, now] = [firstStream(7), firstStream(7) + 1];
    vm.onCode(encodeCode(Code.sinkUncork), now);
    vm.onPlayback(frame(1), earlier);
    vm.onPlayback(frame(2), now);
    assert.equal([...new Set(server.heard('chrome-vm'))], [2]);
    // A start of its own is a new session, whatever its number.
    vm.onPlayback(frame(3), firstStream(3));
    vm.onPlayback(frame(4), now);
    assert.equal([...new Set(server.heard('chrome-vm'))], [2, 3]);
  },
);

statements('23: capture that comes while nobody listens is discarded, not delivered later', () => {
  const clock = new FakeClock();
  const written: Uint8Array[] = [];
  const sink = new CaptureSink(clock, (each) => written.push(each) > 0);
  sink.push(frame(7));
  sink.listen(true);
  sink.push(frame(8));
  sink.listen(false);
  sink.listen(true);
  clock.advance(100);
  assert.ok(written.length > 5 && written.every((each) => each.every((byte) => byte === 0)));
});

statements('24: an underrun is filled with zeros and counted, never with what was heard before', () => {
  const clock = new FakeClock();
  const written: Uint8Array[] = [];
  const sink = new CaptureSink(clock, (each) => written.push(each) > 0);
  sink.listen(true);
  sink.push(frame(5));
  clock.advance(50);
  assert.equal(
    written.map((each) => each[0]),
    [5, 0, 0, 0],
  );
  assert.is(sink.zeroed, 3 * FRAME_BYTES);
});

statements('25: a capture overrun drops the oldest and counts it', async () => {
  const sent: number[] = [];
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const sender = new CaptureSender(
    async (each) => {
      await gate;
      sent.push(each[0] ?? 0);
      return 'sent';
    },
    () => {},
  );
  const total = CAPTURE_QUEUE_FRAMES + 12;
  for (let index = 1; index <= total; index++) sender.push(frame(index));
  release();
  for (let turns = 0; turns < 200; turns++) await settle();
  assert.is(sender.dropped, 10);
  assert.equal(sent, [1, 2, ...Array.from({ length: CAPTURE_QUEUE_FRAMES }, (_, index) => 13 + index)]);
});

statements('25: a playback overrun drops the oldest and counts it', () => {
  const { server, clock, playback } = line();
  const frames = PLAYBACK_QUEUE_MS / 10 + 4 + 5;
  for (let index = 0; index < frames; index++) playback.push(frame(index + 1));
  assert.is(playback.counts.dropped, 5 * FRAME_BYTES);
  clock.advance(1_000);
  const heard = server.heard('chrome-vm');
  assert.is(heard[heard.length - 1], frames);
});

statements('sound that waits for a full stream is played, however full the stream is when it looks again', () => {
  const { clock, server, playback } = line();
  for (const value of [1, 2, 3, 4]) playback.push(frame(value));
  clock.advance(1);
  for (const value of [5, 6]) playback.push(frame(value)); // the fifth overshoots: at the next look the stream is still full
  clock.advance(1_000);
  assert.equal([...new Set(server.heard('chrome-vm'))], [1, 2, 3, 4, 5, 6]);
});

statements('26: a VM that never reads capture stalls neither the line nor its playback', async () => {
  const { vm, server } = vmAudio(async (bytes) => (bytes.length === 0 ? 'sent' : new Promise(() => {})));
  vm.capture.grant(true);
  vm.onCode(encodeCode(Code.sourceStart), 1);
  await settle();
  for (let index = 0; index < 1_000; index++) server.captures[0]?.speak(frame(1));
  assert.is(vm.capture.counts.dropped, 1_000 - 2 - CAPTURE_QUEUE_FRAMES);
  vm.onPlayback(frame(9), 1);
  assert.is(server.heard('chrome-vm').length, FRAME_BYTES);
});

statements('27: a sound server that goes away takes neither cork nor route with it', () => {
  const { clock, server, playback } = line();
  playback.setRoute('headset');
  playback.push(frame(1));
  server.playbacks[0]?.lose();
  playback.push(frame(2));
  clock.advance(1_000);
  assert.equal(
    server.playbacks.map(({ device, written }) => [device, written.length]),
    [
      ['headset', 1],
      ['headset', 1],
    ],
  );
  playback.cork();
  clock.advance(1_000);
  server.playbacks[1]?.lose();
  clock.advance(1_000);
  assert.is(playback.phase, 'corked');
});

statements('34: 0 to 150 % or mute, on both channels, clipped and never wrapped', () => {
  const samples = (): Uint8Array => new Uint8Array(Int16Array.of(1_000, -1_000, 30_000, -30_000).buffer);
  const scaled = (percent: number, isMuted = false): number[] => {
    const bytes = samples();
    applyGain(bytes, gainOf(percent, isMuted));
    return [...new Int16Array(bytes.buffer)];
  };
  assert.equal(scaled(100), [1_000, -1_000, 30_000, -30_000]);
  assert.equal(scaled(50), [125, -125, 3_750, -3_750]);
  assert.equal(scaled(150), [3_375, -3_375, 32_767, -32_768]);
  assert.equal(
    scaled(0),
    [0, -0, 0, -0].map(() => 0),
  );
  assert.equal(scaled(100, true), [0, 0, 0, 0]);
  for (const bad of [-1, 151, 0.5, Number.NaN])
    assert.throws(
      () => checkVolume(bad),
      (error: unknown) => codeOf(error) === 'ERR_AUDIO_VOLUME',
    );
});

statements('36: no record stream without grant, request and the broker’s consent', async () => {
  const clock = new FakeClock();
  const server = new MemoryServer(clock);
  let consent: 'sent' | 'denied' = 'denied';
  const capture = new CaptureLine('chrome-vm', server, clock, async () => consent);
  capture.ask(true);
  await settle();
  assert.is(server.captures.length, 0);
  capture.grant(true);
  await settle();
  assert.is(server.captures.length, 0, 'the label alone opens nothing');
  consent = 'sent';
  capture.reconsider();
  await settle();
  assert.is(server.open, 1);
  capture.grant(false);
  assert.is(server.open, 0);
});

statements('38: payload that is no whole sample frames is refused and counted', () => {
  const { server, playback } = line();
  for (const length of [1, 2, 3, 5, FRAME_BYTES - 1]) playback.push(new Uint8Array(length));
  assert.is(playback.counts.malformed, 5);
  assert.is(server.playbacks.length, 0);
});

statements('a bounded buffer keeps the newest, in order, like a list that is cut off in front', () => {
  const buffer = new PcmBuffer(40);
  let model: number[] = [];
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  for (let step = 0; step < 5_000; step++) {
    const bytes = Uint8Array.from({ length: 4 * random(14) }, () => random(256));
    if (random(2) === 0) {
      buffer.push(bytes);
      model = [...model, ...bytes].slice(-40);
    } else {
      const taken = buffer.take(bytes.length);
      assert.equal([...taken], model.slice(0, bytes.length));
      model = model.slice(bytes.length);
    }
    assert.is(buffer.length, model.length);
  }
});

statements(
  'what a guest’s sound server plays while its agent is held up is dropped, oldest first, not played late',
  async () => {
    const played: number[] = [];
    let goOn = (): void => {};
    const inlet = new PlaybackInlet(async (bytes) => {
      played.push(bytes[0] ?? 0);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    });
    for (let value = 1; value <= 30; value++) inlet.push(frame(value));
    for (let round = 0; round < 20; round++) {
      goOn();
      await settle();
    }
    const kept = INLET_QUEUE_MS / 10;
    const newest = Array.from({ length: kept }, (_, index) => 31 - kept + index);
    assert.equal(played, [1, ...newest]);
    assert.is(inlet.dropped, 30 - played.length);
  },
);

statements(
  'a held up agent keeps as much of a server that writes 2.5 ms at a time, and gets it in whole frames',
  async () => {
    const played: number[] = [];
    let goOn = (): void => {};
    const inlet = new PlaybackInlet(async (bytes) => {
      played.push(bytes.length);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    });
    // 440 bytes, PulseAudio's smallest: a part of the first 10 ms goes on at once, and 60 ms wait.
    for (let part = 0; part < 25; part++) inlet.push(new Uint8Array(440).fill(1));
    for (let round = 0; round < 10; round++) {
      goOn();
      await settle();
    }
    assert.equal(played, [440, 1_764, 1_764, 1_764, 1_764, 1_764, 1_740]);
    assert.is(inlet.dropped, 0);
  },
);

statements('two seconds of digital silence are a pause, one sample ends it', () => {
  const watch = new SilenceWatch();
  const words = Array.from({ length: 202 }, () => watch.push(frame(0)));
  assert.equal([words[0], words[198], words[199], words[200]], ['silence', 'silence', 'pause', 'paused']);
  assert.is(watch.push(frame(1)), 'sound');
  assert.is(watch.push(frame(0)), 'silence');
});

statements.run();
