/** What VMs play, in WAV files: nothing recorded before is touched, nothing is lost but what a full disk refuses. */
import { existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AudioError, type PlaybackEvents, RecordingServer } from '../../../../clients/agents/audio/index.ts';
import { PlaybackLine } from '../../../../clients/agents/audio/lines/playback-line.ts';
import { WavFile } from '../../../../clients/agents/audio/pcm/wav-file.ts';
import { parseWav } from '../../../../clients/demo/audio/wav.ts';
import { FakeClock } from '../../../support/clock.ts';
import { seededRandom } from '../../../support/seed.ts';
import { temporaryDirectory } from '../../../support/temp.ts';

const recording = suite('recording server');

const random = seededRandom(7);
const FRAME = 1_764;
const NEVER: PlaybackEvents = { onWanted: () => {}, onLost: () => assert.unreachable('the stream was lost') };
const heard = (path: string): Buffer => Buffer.from(parseWav(readFileSync(path)).pcm);
const lost = (): { readonly promise: Promise<void>; readonly resolve: () => void } => {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
};

recording(
  'what is written is in the file of its VM, readable while it grows, private, with its length once closed',
  () => {
    const directory = join(temporaryDirectory(), 'new', 'one');
    const server = new RecordingServer(directory);
    const [one, two] = [random.bytes(FRAME), random.bytes(FRAME)];
    const chrome = server.openPlayback('chrome-vm', null, NEVER);
    const mail = server.openPlayback('mail-vm', 'headset', NEVER);
    chrome.write(one);
    mail.write(two);
    chrome.write(two);
    const path = join(directory, 'chrome-vm.wav');
    assert.equal(heard(path), Buffer.concat([one, two]));
    assert.is(readFileSync(path).readUInt32LE(40), 0xffff_ffff);
    chrome.close();
    mail.close();
    assert.is(readFileSync(path).readUInt32LE(40), 2 * FRAME);
    assert.equal(heard(join(directory, 'mail-vm.wav')), Buffer.from(two));
    assert.is(statSync(path).mode & 0o777, 0o600);
    assert.is(statSync(directory).mode & 0o777, 0o700);
  },
);

recording('the next stream of a VM goes on where the one before ended', () => {
  const directory = temporaryDirectory();
  const server = new RecordingServer(directory);
  const parts = [random.bytes(FRAME), random.bytes(FRAME), random.bytes(8)];
  for (const part of parts) {
    const stream = server.openPlayback('chrome-vm', null, NEVER);
    stream.write(part);
    stream.close();
  }
  assert.equal(heard(join(directory, 'chrome-vm.wav')), Buffer.concat(parts));
});

recording('a service that starts again, and a link that lies there, get another file: nothing is overwritten', () => {
  const directory = temporaryDirectory();
  const elsewhere = join(directory, 'elsewhere');
  writeFileSync(join(directory, 'chrome-vm.wav'), 'precious');
  symlinkSync(elsewhere, join(directory, 'chrome-vm.2.wav'));
  const stream = new RecordingServer(directory).openPlayback('chrome-vm', null, NEVER);
  const pcm = random.bytes(FRAME);
  stream.write(pcm);
  stream.close();
  assert.is(readFileSync(join(directory, 'chrome-vm.wav'), 'utf8'), 'precious');
  assert.is(existsSync(elsewhere), false);
  assert.equal(heard(join(directory, 'chrome-vm.3.wav')), Buffer.from(pcm));
});

recording('a recording that was taken away is followed by a new one', () => {
  const directory = temporaryDirectory();
  const server = new RecordingServer(directory);
  const path = join(directory, 'chrome-vm.wav');
  const [one, two] = [random.bytes(FRAME), random.bytes(FRAME)];
  for (const part of [one, two]) {
    const stream = server.openPlayback('chrome-vm', null, NEVER);
    stream.write(part);
    stream.close();
    if (part === one) renameSync(path, join(directory, 'taken.wav'));
  }
  assert.equal([heard(join(directory, 'taken.wav')), heard(path)], [Buffer.from(one), Buffer.from(two)]);
});

recording('a torn sample at the end of a file is not gone on behind', () => {
  const path = join(temporaryDirectory(), 'a.wav');
  const file = WavFile.create(path);
  const pcm = random.bytes(FRAME);
  file.append(Uint8Array.from([...pcm, 1, 2]));
  file.close();
  const again = WavFile.reopen(path);
  assert.is(again.pcmBytes, FRAME);
  again.append(pcm);
  again.close();
  assert.equal(heard(path), Buffer.concat([pcm, pcm]));
});

recording('a directory that cannot be is told at once', () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  assert.throws(
    () => new RecordingServer(join(file, 'below')),
    (error: unknown) => error instanceof AudioError && error.code === 'ERR_AUDIO_RECORD',
  );
});

recording('a disk that refuses is a stream lost, after the caller has it; the next one tries again', async () => {
  const directory = join(temporaryDirectory(), 'gone');
  const server = new RecordingServer(directory);
  rmSync(directory, { recursive: true });
  const { promise, resolve } = lost();
  const stream = server.openPlayback('chrome-vm', null, { onWanted: () => {}, onLost: resolve });
  await promise;
  stream.write(random.bytes(FRAME));
  stream.close();
  writeFileSync(directory, 'a file where the directory was');
  const again = lost();
  server.openPlayback('chrome-vm', null, { onWanted: () => {}, onLost: again.resolve });
  await again.promise;
});

recording('the microphone is silent', () => {
  new RecordingServer(temporaryDirectory()).openCapture().close();
});

recording(
  'audio of five seconds that comes at once, after a stall, is recorded whole; of an hour, no faster than time passes',
  () => {
    const directory = temporaryDirectory();
    const clock = new FakeClock();
    const line = new PlaybackLine('chrome-vm', new RecordingServer(directory, clock), clock);
    const pcm = random.bytes(FRAME * 500);
    for (let at = 0; at < pcm.length; at += FRAME) line.push(pcm.subarray(at, at + FRAME));
    assert.equal(heard(join(directory, 'chrome-vm.wav')), Buffer.from(pcm));
    assert.is(line.counts.dropped, 0);

    for (let frame = 0; frame < 360_000; frame++) line.push(pcm.subarray(0, FRAME));
    assert.is(line.counts.played, FRAME * 1_000, 'ten seconds ahead, no more');
    assert.ok(line.counts.dropped > 0);
    line.end();
    assert.is(clock.pendingTimers, 0);
  },
);

recording.run();
