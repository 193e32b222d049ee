/** The sound card of a stock guest: what it announces, the pace of its sound, the microphone, and what a hostile guest tries. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CAPTURE_DELAY_MS, MAX_PERIOD_BYTES, Resampler, SoundQueue } from '../../clients/devices/sound/index.ts';
import { tone, toneLevel } from '../support/audio/tones.ts';
import { fuzzUntil } from '../support/seed.ts';
import { SoundGuest, words } from './guest/sound-card.ts';

const sound = suite('sound card of a stock guest');

const OK = 0x8000;
const BAD_MESSAGE = 0x8001;
const NOT_SUPPORTED = 0x8002;
const IO_ERROR = 0x8003;
const PREPARE = 0x102;
const RELEASE = 0x103;
const START = 0x104;
const STOP = 0x105;
const [OUT, IN] = [0, 1];
/** 10 ms at 48 kHz, stereo. */
const PERIOD = 1_920;
const samples = (bytes = PERIOD, value = 1): Buffer => Buffer.alloc(bytes, value);

function running(stream: number, parameters: Parameters<SoundGuest['parameters']>[1] = {}): SoundGuest {
  const guest = new SoundGuest();
  guest.room.mayHear = true;
  assert.is(guest.status(guest.parameters(stream, parameters)), OK);
  assert.is(guest.status(words(PREPARE, stream)), OK);
  assert.is(guest.status(words(START, stream)), OK);
  return guest;
}

// What there is

sound('announces two jacks, two streams and four channel maps', () => {
  const guest = new SoundGuest();
  assert.equal([...new Uint32Array(guest.device.config.buffer.slice(0, 12))], [2, 2, 4]);
  const jacks = guest.ask(words(1, 0, 2, 24), 4 + 48);
  assert.equal([jacks.length, jacks.readUInt32LE(0)], [52, OK]);
  assert.equal([jacks[4 + 16], jacks[4 + 24 + 16]], [1, 0], 'the microphone is not plugged in');
  guest.room.mayHear = true;
  assert.is(guest.ask(words(1, 1, 1, 24), 4 + 24)[4 + 16], 1);
  const streams = guest.ask(words(0x100, 0, 2, 32), 4 + 64).subarray(4);
  for (const [index, direction] of [OUT, IN].entries()) {
    const entry = streams.subarray(32 * index, 32 * (index + 1));
    assert.equal([entry.readBigUInt64LE(8), entry.readBigUInt64LE(16)], [1n << 5n, (1n << 6n) | (1n << 7n)]);
    assert.equal([...entry.subarray(24, 27)], [direction, 1, 2]);
  }
  const maps = guest.ask(words(0x200, 0, 4, 24), 4 + 96).subarray(4);
  assert.equal(
    [0, 1, 2, 3].map((index) => [...maps.subarray(24 * index + 4, 24 * index + 8)]),
    [
      [0, 1, 2, 0],
      [0, 2, 3, 4],
      [1, 1, 2, 0],
      [1, 2, 3, 4],
    ],
  );
});

for (const [label, request, room] of [
  ['a query beyond what there is', words(1, 1, 2, 24), 100],
  ['a query for no entry', words(1, 0, 0, 24), 100],
  ['a query whose sum of start and count wraps', words(1, 0xffff_ffff, 2, 24), 100],
  ['entries of another size', words(1, 0, 1, 32), 100],
  ['a query without room for its answer', words(1, 0, 2, 24), 51],
  ['a query that is cut short', words(1, 0, 1), 100],
  ['a request that is cut short', Buffer.from([1, 0]), 4],
  ['a stream that there is not', words(PREPARE, 2), 4],
  ['PREPARE before there are parameters', words(PREPARE, 0), 4],
  ['START before PREPARE', words(START, 0), 4],
  ['a control request with more bytes', words(PREPARE, 0, 0), 4],
] as const) {
  sound(`${label} is a bad message`, () => {
    const guest = new SoundGuest();
    assert.is(guest.status(request, room), BAD_MESSAGE);
    assert.is(guest.device.counts.malformed, 1);
    assert.is(guest.status(words(1, 0, 1, 24), 100), OK, 'and the card goes on');
  });
}

for (const [label, change] of [
  ['a rate that was not announced', { rate: 1 }],
  ['a format that was not announced', { format: 17 }],
  ['three channels', { channels: 3 }],
  ['no channel', { channels: 0 }],
  ['a feature that was not announced', { features: 1 }],
] as const)
  sound(`${label} is not supported`, () => {
    const guest = new SoundGuest();
    // A period of whole frames with any number of channels.
    assert.is(guest.status(guest.parameters(OUT, { period: 1_920 * 3, ...change })), NOT_SUPPORTED);
    assert.is(guest.status(words(PREPARE, OUT)), BAD_MESSAGE, 'nothing was set');
  });

sound('periods that do not fit the buffer or cut a sample are bad messages; other requests are not supported', () => {
  const guest = new SoundGuest();
  assert.is(guest.status(guest.parameters(OUT, { period: 1_919 })), BAD_MESSAGE);
  assert.is(guest.status(guest.parameters(OUT, { period: 0 })), BAD_MESSAGE);
  for (const code of [0, 2, 0x106, 0x300, 0x1000]) assert.is(guest.status(words(code, 0)), NOT_SUPPORTED);
});

sound('parameters of a running stream cannot be changed, and it starts once', () => {
  const guest = running(OUT);
  assert.is(guest.status(guest.parameters(OUT)), BAD_MESSAGE);
  assert.is(guest.status(words(START, OUT)), BAD_MESSAGE);
  assert.is(guest.status(words(RELEASE, OUT)), BAD_MESSAGE);
  assert.is(guest.status(words(STOP, OUT)), OK);
  assert.is(guest.status(guest.parameters(OUT)), OK, 'as Linux does when all its buffers have come back');
});

// Playback

sound('a period comes back when its last sample is due, and its sound goes out on the way', () => {
  const guest = running(OUT);
  for (let count = 0; count < 3; count++) guest.play(samples(4 * PERIOD));
  for (let period = 1; period <= 3; period++) {
    guest.advance(39);
    assert.equal(guest.take(SoundQueue.playback), [], `${period}: not yet`);
    guest.advance(1);
    assert.equal(guest.take(SoundQueue.playback), [words(OK, 0)], `${period}: now`);
  }
  // 120 ms at 44.1 kHz, less what the filter keeps.
  const expected = 0.12 * 44_100 * 4;
  assert.ok(Math.abs(guest.room.playedBytes - expected) < 100, `${guest.room.playedBytes}`);
  assert.ok(guest.room.played.length >= 12, 'in steps of 10 ms');
  assert.is(guest.device.counts.xruns, 0);
});

sound('in ten minutes no period is missed, and no sample is left out or repeated', () => {
  const guest = running(OUT, { rate: 6, period: 1_764 });
  const periodFrames = 1_764; // 40 ms
  let numbered = 0;
  const play = (): void => {
    const pcm = Buffer.alloc(4 * periodFrames);
    for (let at = 0; at < pcm.length; at += 4) pcm.writeUInt32LE(numbered++, at);
    guest.play(pcm);
  };
  let [heard, wrong, missed] = [0, 0, 0];
  guest.room.play = (pcm) => {
    const bytes = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.length);
    for (let at = 0; at < bytes.length; at += 4) if (bytes.readUInt32LE(at) !== heard++) wrong++;
  };
  play();
  play();
  const periods = (10 * 60 * 1_000) / 40;
  for (let period = 0; period < periods; period++) {
    guest.advance(40);
    if (guest.take(SoundQueue.playback).length !== 1) missed++;
    play();
  }
  assert.equal({ heard, wrong, missed }, { heard: periods * periodFrames, wrong: 0, missed: 0 });
  assert.is(guest.device.counts.xruns, 0);
});

sound('at 44.1 kHz every byte passes as it is, and one channel becomes two', () => {
  const guest = running(OUT, { rate: 6, period: 1_764 });
  const pcm = tone(1_000, 0.04);
  guest.play(pcm.subarray(0, 1_764));
  guest.play(pcm.subarray(1_764, 4 * 1_764));
  guest.advance(40);
  assert.equal(Buffer.concat(guest.room.played), pcm);
  const mono = running(OUT, { rate: 6, channels: 1, period: 882 });
  mono.play(words(0x0002_0001));
  mono.advance(1);
  assert.equal(Buffer.concat(mono.room.played), words(0x0001_0001, 0x0002_0002));
});

sound('playback that starts takes nothing of a recording', () => {
  const guest = running(IN, { rate: 6, period: 1_764 });
  guest.advance(CAPTURE_DELAY_MS);
  guest.device.hear(samples(1_764, 7));
  assert.is(guest.status(guest.parameters(OUT)), OK);
  assert.is(guest.status(words(PREPARE, OUT)), OK);
  assert.is(guest.status(words(START, OUT)), OK);
  guest.offer(1_764);
  guest.advance(10);
  assert.equal(guest.take(SoundQueue.capture)[0]?.subarray(0, 1_764), samples(1_764, 7));
});

sound('a late wake-up takes all that is due, no more', () => {
  const guest = running(OUT);
  for (let count = 0; count < 5; count++) guest.play(samples());
  guest.clock.advance(35);
  guest.run();
  assert.is(guest.take(SoundQueue.playback).length, 3);
  guest.advance(15);
  assert.is(guest.take(SoundQueue.playback).length, 2);
});

sound('a stream that runs dry is counted once, reported if asked, and goes on from its next buffer', () => {
  const guest = running(OUT, { features: 1 << 4 });
  guest.listen();
  guest.play(samples());
  guest.advance(100);
  assert.is(guest.take(SoundQueue.playback).length, 1);
  assert.is(guest.device.counts.xruns, 1);
  assert.equal(guest.events(), [[0x1101, OUT]]);
  guest.play(samples());
  guest.play(samples());
  guest.advance(9);
  assert.equal(guest.take(SoundQueue.playback), [], 'what was missed is not made up');
  guest.advance(1);
  assert.is(guest.take(SoundQueue.playback).length, 1);
  const quiet = running(OUT);
  quiet.listen();
  quiet.advance(100);
  assert.equal([quiet.device.counts.xruns, quiet.events().length], [1, 0], 'the driver did not ask for it');
});

sound('a buffer that is a little late costs nothing', () => {
  const guest = running(OUT);
  guest.play(samples());
  guest.advance(15);
  guest.play(samples());
  guest.play(samples());
  guest.advance(15);
  assert.equal([guest.take(SoundQueue.playback).length, guest.device.counts.xruns], [3, 0]);
});

sound('buffers wait while the stream is stopped; RELEASE is answered when all have come back', () => {
  const guest = running(OUT);
  for (let count = 0; count < 3; count++) guest.play(samples());
  guest.advance(5);
  assert.is(guest.status(words(STOP, OUT)), OK);
  guest.advance(50);
  assert.equal(guest.take(SoundQueue.playback), []);
  const played = guest.room.playedBytes;
  guest.add(SoundQueue.control, words(RELEASE, OUT), 4);
  const control = guest.queues[SoundQueue.control];
  if (control === undefined) throw new Error('no queue');
  guest.device.service(SoundQueue.control, control, 64);
  control.flush();
  assert.equal(guest.take(SoundQueue.control), [], 'not before its buffers');
  guest.run();
  assert.is(guest.take(SoundQueue.playback).length, 3);
  assert.equal(guest.take(SoundQueue.control), [words(OK)]);
  assert.is(guest.room.playedBytes, played, 'they are not heard');
  assert.equal(guest.room.said, ['plays', 'is silent']);
});

sound('a stopped stream goes on in the middle of its buffer', () => {
  const guest = running(OUT, { rate: 6, period: 1_764 });
  const pcm = tone(500, 0.01);
  guest.play(pcm);
  guest.advance(4);
  guest.status(words(STOP, OUT));
  guest.advance(100);
  assert.is(guest.status(words(START, OUT)), OK);
  guest.advance(10);
  assert.equal(Buffer.concat(guest.room.played), pcm);
});

// The microphone

sound('START of the capture stream is the question: without a grant the answer is IO_ERR', () => {
  const guest = new SoundGuest();
  guest.status(guest.parameters(IN));
  guest.status(words(PREPARE, IN));
  assert.is(guest.status(words(START, IN)), IO_ERROR);
  assert.equal(guest.room.said, ['asks']);
  assert.is(guest.device.counts.refused, 1);
  assert.is(guest.status(words(STOP, IN)), OK, 'as Linux does');
  assert.equal(guest.room.said, ['asks'], 'nothing ran');
  guest.room.mayHear = true;
  guest.status(words(PREPARE, IN));
  assert.is(guest.status(words(START, IN)), OK);
  assert.equal(guest.room.said, ['asks', 'listens']);
});

sound('the guest records at the pace of the clock, zeros where nothing came', () => {
  const guest = running(IN, { rate: 6, period: 1_764 });
  for (let count = 0; count < 3; count++) guest.offer(1_764);
  guest.advance(5);
  const pcm = tone(500, 0.02);
  guest.device.hear(pcm);
  guest.advance(CAPTURE_DELAY_MS + 4);
  assert.equal(guest.take(SoundQueue.capture), []);
  guest.advance(1);
  const status = (latency: number): Buffer => words(OK, latency);
  assert.equal(guest.take(SoundQueue.capture), [Buffer.concat([pcm.subarray(0, 1_764), status(1_764)])]);
  guest.advance(20);
  assert.equal(guest.take(SoundQueue.capture), [
    Buffer.concat([pcm.subarray(1_764), status(0)]),
    Buffer.concat([Buffer.alloc(1_764), status(0)]),
  ]);
});

sound('a revocation ends the samples at once and pulls the plug; the next grant begins again', () => {
  const guest = running(IN, { rate: 6, period: 1_764 });
  guest.listen();
  for (let count = 0; count < 6; count++) guest.offer(1_764);
  guest.device.hear(tone(500, 0.1));
  guest.room.mayHear = false;
  guest.device.onMicrophone();
  guest.run();
  assert.equal(guest.events(), [[0x1001, IN]]);
  guest.device.hear(tone(500, 0.1));
  guest.advance(CAPTURE_DELAY_MS + 20);
  const ended = guest.take(SoundQueue.capture);
  assert.is(ended.length, 2, 'the program does not hang');
  for (const bytes of ended) assert.equal(bytes, Buffer.concat([Buffer.alloc(1_764), words(IO_ERROR, 0)]));
  guest.room.mayHear = true;
  guest.device.onMicrophone();
  guest.run();
  assert.equal(guest.events(), [[0x1000, IN]]);
  guest.device.hear(tone(500, 0.01));
  guest.advance(10);
  assert.equal(guest.take(SoundQueue.capture), [Buffer.concat([tone(500, 0.01), words(OK, 0)])]);
});

sound('events wait for buffers, and only the latest about a jack is kept', () => {
  const guest = new SoundGuest();
  for (const mayHear of [true, false, true]) {
    guest.room.mayHear = mayHear;
    guest.device.onMicrophone();
  }
  guest.run();
  guest.listen();
  assert.equal(guest.events(), [[0x1000, IN]]);
});

sound('recorded sound that waits too long is dropped, counted', () => {
  const guest = running(IN, { rate: 6, period: 1_764 });
  guest.device.hear(tone(500, 0.5));
  guest.offer(1_764);
  guest.advance(CAPTURE_DELAY_MS + 10);
  const [first] = guest.take(SoundQueue.capture);
  assert.is(first?.readUInt32LE(1_764 + 4), (CAPTURE_DELAY_MS * 44_100 * 4) / 1_000, 'so much is still to be heard');
  assert.is(guest.device.counts.captureDropped, 0.5 * 44_100 * 4 - 1_764 - (CAPTURE_DELAY_MS * 44_100 * 4) / 1_000);
});

sound('what comes for a guest that does not record is not kept', () => {
  const guest = new SoundGuest();
  guest.device.hear(tone(500, 0.1));
  assert.is(guest.device.counts.captureDropped, 0.1 * 44_100 * 4);
});

sound('a guest with one channel hears the mean of both', () => {
  const guest = running(IN, { rate: 6, channels: 1, period: 882 });
  guest.offer(4);
  const frame = Buffer.alloc(8);
  for (const [index, value] of [100, 200, -100, -300].entries()) frame.writeInt16LE(value, 2 * index);
  guest.device.hear(frame);
  guest.advance(CAPTURE_DELAY_MS + 1);
  const [heard] = guest.take(SoundQueue.capture);
  assert.equal([heard?.readInt16LE(0), heard?.readInt16LE(2)], [150, -200]);
});

sound('a reset of the guest stops both streams, and nothing of before is left', () => {
  const guest = running(IN);
  guest.offer(PERIOD);
  guest.device.reset();
  assert.equal(guest.room.said, ['listens', 'is deaf']);
  assert.is(guest.clock.pendingTimers, 0);
  assert.is(guest.status(words(START, IN)), BAD_MESSAGE);
});

// Rates

for (const [from, to] of [
  [48_000, 44_100],
  [44_100, 48_000],
] as const)
  sound(`a tone keeps its frequency and level from ${from} to ${to} Hz, in pieces of any length`, () => {
    // A tone of 1000 Hz at `from`, measured as if it were at 44 100 Hz.
    const scale = (hertz: number, rate: number): number => (hertz * 44_100) / rate;
    const pcm = tone(scale(1_000, from), (1 * from) / 44_100);
    const whole = new Resampler(from, to).push(pcm);
    assert.ok(Math.abs(whole.length / 4 - to) < 40, 'and its length');
    assert.ok(Math.abs(toneLevel(whole, scale(1_000, to)) - 0.5) < 0.01);
    assert.ok(toneLevel(whole, scale(3_000, to)) < 0.01);
    const pieces = new Resampler(from, to);
    const parts: Buffer[] = [];
    for (let at = 0, size = 1; at < pcm.length; at += 4 * size, size = (size % 700) + 13)
      parts.push(pieces.push(pcm.subarray(at, at + 4 * size)));
    assert.equal(Buffer.concat(parts), whole);
  });

sound('a tone that the lower rate cannot carry is not heard as another', () => {
  const pcm = tone((23_000 * 44_100) / 48_000, 1, 0.9);
  const out = new Resampler(48_000, 44_100).push(pcm);
  assert.ok(Math.max(...Array.from({ length: 1_000 }, (_, at) => Math.abs(out.readInt16LE(4_000 + at * 4)))) < 300);
});

// Hostile guests

for (const [label, add] of [
  [
    'samples for a stream that there is not',
    (guest) => guest.add(SoundQueue.playback, Buffer.concat([words(7), samples()]), 8),
  ],
  ['samples without the number of the stream', (guest) => guest.add(SoundQueue.playback, Buffer.from([0, 0]), 8)],
  [
    'samples without room for a status',
    (guest) => guest.add(SoundQueue.playback, Buffer.concat([words(0), samples()]), 7),
  ],
  [
    'samples with too much room',
    (guest) => guest.add(SoundQueue.playback, Buffer.concat([words(0), samples()]), 1_000_000),
  ],
  [
    'room for more samples than a period may have',
    (guest) => guest.add(SoundQueue.capture, words(1), MAX_PERIOD_BYTES + 9),
  ],
  ['room without room for a status', (guest) => guest.add(SoundQueue.capture, words(1), 7)],
  ['samples in the queue for recordings', (guest) => guest.add(SoundQueue.capture, words(1, 1), 100)],
] as readonly (readonly [string, (guest: SoundGuest) => void])[])
  sound(`${label}: a buffer that comes back at once, and the card goes on`, () => {
    const guest = running(OUT);
    add(guest);
    guest.kick(SoundQueue.playback);
    guest.kick(SoundQueue.capture);
    const back = [...guest.take(SoundQueue.playback), ...guest.take(SoundQueue.capture)];
    assert.is(back.length, 1);
    assert.ok((back[0]?.length ?? 0) <= MAX_PERIOD_BYTES + 8, 'a small buffer does not become many bytes');
    assert.is(guest.device.counts.malformed, 1);
    assert.is(guest.room.playedBytes, 0);
    guest.play(samples());
    guest.advance(10);
    assert.is(guest.take(SoundQueue.playback).length, 1);
  });

sound('a buffer that changes while it plays harms only its own sound', () => {
  const guest = running(OUT, { rate: 6, period: 1_764 });
  guest.play(samples(1_764));
  guest.advance(5);
  // The first descriptor becomes shorter than what was taken of it.
  const descriptors = guest.drivers[SoundQueue.playback]?.place.descriptors ?? 0;
  guest.memory.write(descriptors + 8, words(100));
  guest.play(samples(1_764));
  guest.advance(20);
  assert.is(guest.take(SoundQueue.playback).length, 2);
});

sound('any sequence of requests, buffers and grants leaves the card alive, and the pace holds', async () => {
  const codes = [1, 0x100, 0x101, PREPARE, RELEASE, START, STOP, 0x200, 3];
  await fuzzUntil((random) => {
    const guest = new SoundGuest();
    const started = guest.clock.mono();
    guest.listen();
    for (let steps = 0; steps < 60; steps++) {
      const stream = random.below(3);
      switch (random.below(7)) {
        case 0:
          guest.ask(Buffer.from(random.mutate(guest.parameters(stream % 2))), random.below(40));
          break;
        case 1:
          guest.ask(guest.parameters(stream % 2, { rate: 6 + random.below(2), channels: 1 + random.below(2) }));
          break;
        case 2:
          guest.ask(words(random.pick(codes), stream, random.below(5), 24), random.below(200));
          break;
        case 3:
          guest.ask(words(random.pick(codes), stream));
          break;
        case 4:
          guest.add(
            SoundQueue.playback,
            Buffer.concat([words(random.below(2)), samples(random.below(4_000))]),
            random.below(12),
          );
          guest.kick(SoundQueue.playback);
          break;
        case 5:
          guest.add(SoundQueue.capture, words(1), random.below(4_000));
          guest.kick(SoundQueue.capture);
          break;
        default:
          guest.room.mayHear = random.below(2) === 0;
          guest.device.onMicrophone();
          guest.device.hear(samples(4 * random.below(2_000)));
          guest.clock.advance(random.below(60));
          guest.run();
      }
      for (let queue = 0; queue < 4; queue++) guest.take(queue);
    }
    const passed = (guest.clock.mono() - started) / 1_000;
    assert.ok(guest.room.playedBytes <= passed * 44_100 * 4 + 4_000, 'no more sound than time');
    assert.ok(guest.queues.every(({ fault }) => fault === null));
    guest.device.reset();
    assert.is(guest.clock.pendingTimers, 0);
  });
});

sound.run();
