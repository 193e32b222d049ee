import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RecordQueue } from '../../broker/federation/record-queue.ts';
import { MAX_RECORD_PLAINTEXT_BYTES, RECORD_HEADER_BYTES } from '../../broker/wire/index.ts';
import { seededRandom } from '../support/seed.ts';

const test = suite('records for another broker');

const frame = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);

function records(queue: RecordQueue): Uint8Array[] {
  const taken: Uint8Array[] = [];
  for (let record = queue.take(); record !== null; record = queue.take()) {
    taken.push(record.memory.slice(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + record.used));
    queue.give(record);
  }
  return taken;
}

test('frames share a record until the next one has no room in it', () => {
  const queue = new RecordQueue();
  const third = Math.floor(MAX_RECORD_PLAINTEXT_BYTES / 3);
  for (const byte of [1, 2, 3, 4]) queue.push(frame(third, byte));
  assert.is(queue.bytes, 4 * third);
  const [first, second, ...others] = records(queue);
  assert.equal(first, new Uint8Array(Buffer.concat([frame(third, 1), frame(third, 2), frame(third, 3)])));
  assert.equal(second, frame(third, 4));
  assert.equal([others.length, queue.bytes], [0, 0]);
});

test('a frame is copied at once, a lent one when its memory will be used again', () => {
  const queue = new RecordQueue();
  const memory = Uint8Array.of(1, 2, 3, 4, 5);
  queue.lend(memory, 1, 3);
  queue.copyLent();
  memory.fill(9);
  queue.push(memory);
  memory.fill(8);
  assert.equal(records(queue), [Uint8Array.of(2, 3, 9, 9, 9, 9, 9)]);
});

test('lent frames keep their place between others, however they lie and however long they are', () => {
  const random = seededRandom();
  for (let round = 0; round < 5; round++) {
    const queue = new RecordQueue();
    const expected: number[] = [];
    let memory = random.bytes(MAX_RECORD_PLAINTEXT_BYTES);
    let at = 0;
    for (let step = 0; step < 40; step++) {
      const length = 1 + random.below(MAX_RECORD_PLAINTEXT_BYTES / 8);
      const turn = random.below(8);
      if (at + length > memory.length || turn === 0) {
        queue.copyLent();
        memory.fill(0);
        memory = random.bytes(MAX_RECORD_PLAINTEXT_BYTES);
        at = random.below(100);
      }
      const bytes = memory.slice(at, at + length);
      for (const byte of bytes) expected.push(byte);
      if (turn === 1) queue.push(bytes);
      else {
        queue.lend(memory, at, at + length);
        at += length + (turn === 2 ? 1 : 0);
      }
    }
    assert.is(queue.bytes, expected.length);
    assert.ok(Buffer.concat(records(queue)).equals(Buffer.from(expected)));
    assert.is(queue.bytes, 0);
  }
});

test('a frame that is longer than a usual record has one of its own', () => {
  const queue = new RecordQueue();
  const long = MAX_RECORD_PLAINTEXT_BYTES + 1;
  queue.push(frame(3, 1));
  queue.lend(frame(long, 2), 0, long);
  queue.push(frame(3, 3));
  assert.equal(
    records(queue).map(({ length }) => length),
    [3, long, 3],
  );
});

test('a session that has ended leaves nothing behind, and its memory is clean for the next one', () => {
  const queue = new RecordQueue();
  queue.push(frame(100, 1));
  queue.lend(frame(100, 1), 0, 100);
  queue.clear();
  assert.is(queue.bytes, 0);
  assert.is(queue.take(), null);
  queue.push(frame(2, 2));
  assert.equal(records(queue), [frame(2, 2)]);
});

test.run();
