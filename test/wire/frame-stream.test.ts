import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FRAME_HEADER_BYTES,
  FrameStream,
  FrameWalker,
  MAX_DATA_FRAME_BYTES,
  MAX_RECORD_PLAINTEXT_BYTES,
} from '../../broker/wire/index.ts';
import { Random } from '../support/random.ts';
import { SEED } from '../support/seed.ts';

const test = suite('wire: a stream of frames');

function frame(length: number, fill: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(fill);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint8(4, 9); // a control frame
  return bytes;
}

/** Everything that is whole, as frames; each piece must keep the rules of a record. */
function drain(stream: FrameStream): Uint8Array[] | 'fault' {
  const frames: Uint8Array[] = [];
  const walker = new FrameWalker();
  for (;;) {
    const bytes = stream.next();
    if (bytes === 'fault') return 'fault';
    if (bytes === 'more') return frames;
    walker.begin(bytes);
    let step = walker.next();
    for (; step === 'frame'; step = walker.next()) frames.push(bytes.subarray(walker.at, walker.at + walker.length));
    assert.is(step, 'end');
  }
}

test('frames come out whole and in order, however the stream is cut', () => {
  const random = new Random(SEED);
  const sent = Array.from({ length: 200 }, (_, index) =>
    frame(FRAME_HEADER_BYTES + random.below(index % 40 === 0 ? 200_000 : 300), index),
  );
  const bytes = Buffer.concat(sent);
  const stream = new FrameStream();
  const got: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + random.below(70_000));
    stream.push(bytes.subarray(at, end));
    got.push(...(drain(stream) as Uint8Array[]));
    at = end;
  }
  assert.equal(got.map(hash), sent.map(hash));
  assert.is(stream.heldBytes, 0);
});

test('a length that no frame has is a fault before memory is made for it', () => {
  for (const length of [0, FRAME_HEADER_BYTES - 1, MAX_DATA_FRAME_BYTES + 1, 0xffff_ffff]) {
    const stream = new FrameStream();
    const header = new Uint8Array(FRAME_HEADER_BYTES);
    new DataView(header.buffer).setUint32(0, length, true);
    stream.push(header);
    assert.is(drain(stream), 'fault', String(length));
  }
});

test('a frame beyond the size of a record comes alone', () => {
  const stream = new FrameStream();
  stream.push(frame(100, 1));
  stream.push(frame(MAX_RECORD_PLAINTEXT_BYTES + 1, 2));
  stream.push(frame(100, 3));
  const lengths: number[] = [];
  for (let bytes = stream.next(); typeof bytes !== 'string'; bytes = stream.next()) lengths.push(bytes.length);
  assert.equal(lengths, [100, MAX_RECORD_PLAINTEXT_BYTES + 1, 100]);
});

test('what was given out does not change with later bytes', () => {
  const stream = new FrameStream();
  stream.push(frame(64, 7));
  const first = stream.next();
  assert.instance(first, Uint8Array);
  stream.push(frame(64, 8));
  assert.is((first as Uint8Array)[63], 7);
});

function hash(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

test.run();
