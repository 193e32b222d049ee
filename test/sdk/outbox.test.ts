import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_RECORD_PLAINTEXT_BYTES, RECORD_HEADER_BYTES, TAG_BYTES } from '../../broker/wire/index.ts';
import { Arena, SendBufferPool } from '../../clients/sdk/engine/sending/send-buffer.ts';

import { type OpenRecord, SendQueue } from '../../clients/sdk/engine/sending/send-queue.ts';
import { Random } from '../support/random.ts';

const test = suite('sdk: packing frames into records');

const SEALED = 0xee;

class Sink {
  readonly records: Uint8Array[] = [];
  readonly pool = new SendBufferPool(8 * MAX_RECORD_PLAINTEXT_BYTES);
  isCongested = false;
  /** The carrier has not written yet what it took. */
  borrows = false;
  readonly lent: Omit<OpenRecord, 'isKept'>[] = [];
  deferred: (() => void)[] = [];
  readonly outbox: SendQueue = new SendQueue(this.pool, this, (task) => this.deferred.push(task));

  /** What is pushed before the open record leaves. */
  last: () => void = () => {};

  beforeRecord(): void {
    this.last();
  }

  writeRecord({ chunk, start, length, isKept }: OpenRecord): void {
    const from = start + RECORD_HEADER_BYTES;
    this.records.push(chunk.bytes.slice(from, from + length));
    if (isKept) return;
    // Sealed where it lies: header, ciphertext and tag replace what was there.
    chunk.bytes.fill(SEALED, start, from + length + TAG_BYTES);
    if (!this.borrows) return;
    chunk.references++;
    this.lent.push({ chunk, start, length });
  }

  endBurst(): void {
    for (const task of this.deferred.splice(0)) task();
  }

  lengths(): number[] {
    return this.records.map((record) => record.length);
  }
}

test('as many chunks are kept as the window without outcome needs, and no more', () => {
  const pool = new SendBufferPool(6 * MAX_RECORD_PLAINTEXT_BYTES);
  const taken = Array.from({ length: 8 }, () => pool.take());
  for (const chunk of taken) pool.release(chunk);
  const again = Array.from({ length: 8 }, () => pool.take());
  assert.is(again.filter((chunk) => taken.includes(chunk)).length, 6);
});

test('the frames of a burst share one record', () => {
  const sink = new Sink();
  sink.outbox.push(Uint8Array.of(1, 2));
  sink.outbox.push(Uint8Array.of(3));
  assert.is(sink.deferred.length, 1, 'one flush is asked for');
  assert.equal(sink.records, []);
  sink.endBurst();
  assert.equal(sink.records, [Uint8Array.of(1, 2, 3)]);
  assert.ok(sink.outbox.isEmpty);
});

test('what is pushed as a record leaves goes with it, and needs no flush of its own', () => {
  const sink = new Sink();
  sink.last = () => sink.outbox.push(Uint8Array.of(9));
  sink.outbox.push(Uint8Array.of(1, 2));
  sink.endBurst();
  assert.equal(sink.records, [Uint8Array.of(1, 2, 9)]);
  assert.is(sink.deferred.length, 0);
});

test('frames never straddle records, and a full record is written at once', () => {
  const sink = new Sink();
  const third = Math.ceil(MAX_RECORD_PLAINTEXT_BYTES / 3) + 1;
  for (let i = 0; i < 3; i++) sink.outbox.push(new Uint8Array(third));
  assert.equal(sink.lengths(), [2 * third]);
  sink.endBurst();
  assert.equal(sink.lengths(), [2 * third, third]);
});

test('a frame of exactly the record size shares with nobody', () => {
  const sink = new Sink();
  sink.outbox.push(new Uint8Array(1));
  sink.outbox.push(new Uint8Array(MAX_RECORD_PLAINTEXT_BYTES));
  sink.outbox.push(new Uint8Array(1));
  sink.endBurst();
  assert.equal(sink.lengths(), [1, MAX_RECORD_PLAINTEXT_BYTES, 1]);
});

test('a larger frame is a record alone, in its place', () => {
  const sink = new Sink();
  sink.outbox.push(Uint8Array.of(1));
  sink.outbox.push(new Uint8Array(MAX_RECORD_PLAINTEXT_BYTES + 1).fill(2));
  sink.outbox.push(Uint8Array.of(3));
  sink.endBurst();
  assert.equal(
    sink.records.map((record) => [record.length, record[0]]),
    [
      [1, 1],
      [MAX_RECORD_PLAINTEXT_BYTES + 1, 2],
      [1, 3],
    ],
  );
});

test('while the carrier is congested packing goes on; draining writes what has gathered', () => {
  const sink = new Sink();
  sink.isCongested = true;
  for (let i = 0; i < 5; i++) {
    sink.outbox.push(Uint8Array.of(i));
    sink.endBurst();
  }
  assert.equal(sink.records, []);
  sink.isCongested = false;
  sink.outbox.flush();
  assert.equal(sink.records, [Uint8Array.of(0, 1, 2, 3, 4)]);
});

test('bytes that may be needed again are not written over', () => {
  const sink = new Sink();
  sink.outbox.reserve(3, true);
  const { frameChunk, frameAt } = sink.outbox;
  frameChunk.bytes.set([1, 2, 3], frameAt);
  sink.endBurst();
  for (let i = 0; i < 300; i++) {
    sink.outbox.push(new Uint8Array(1000).fill(9));
    sink.endBurst();
  }
  assert.equal(frameChunk.bytes.slice(frameAt, frameAt + 3), Uint8Array.of(1, 2, 3));
});

test('a record that the carrier has not written yet is not written over', () => {
  const sink = new Sink();
  sink.borrows = true;
  for (let i = 0; i < 400; i++) {
    sink.outbox.push(new Uint8Array(1 + (i % 7) * 300).fill(1));
    if (i % 3 === 0) sink.endBurst();
    // The oldest is written while later ones wait.
    if (i % 5 === 0) {
      const first = sink.lent.shift();
      if (first !== undefined) sink.pool.release(first.chunk);
    }
    for (const { chunk, start, length } of sink.lent) {
      const record = chunk.bytes.subarray(start, start + RECORD_HEADER_BYTES + length + TAG_BYTES);
      assert.ok(record.every((byte) => byte === SEALED));
    }
  }
  assert.ok(sink.lent.length > 10);
});

test('a chunk that is full of written records is filled from its front again', () => {
  const sink = new Sink();
  const chunks = new Set<unknown>();
  for (let i = 0; i < 1000; i++) {
    sink.outbox.push(new Uint8Array(1000));
    chunks.add(sink.outbox.frameChunk);
    sink.endBurst();
  }
  assert.is(chunks.size, 1);
});

test('after stop nothing is written', () => {
  const sink = new Sink();
  sink.outbox.push(Uint8Array.of(1));
  sink.outbox.stop();
  sink.endBurst();
  sink.outbox.push(new Uint8Array(MAX_RECORD_PLAINTEXT_BYTES + 1));
  sink.outbox.flushAll();
  assert.equal(sink.records, []);
});

test('random frames come out whole and in order, whatever the carrier does', () => {
  const random = new Random(3);
  const sink = new Sink();
  const expected: number[] = [];
  const held: { readonly release: () => void }[] = [];
  for (let i = 0; i < 3000; i++) {
    const length = random.oneIn(50) ? 60_000 + random.below(10_000) : 1 + random.below(2000);
    const frame = random.bytes(length);
    const isKept = random.oneIn(3);
    sink.outbox.reserve(length, isKept);
    const { frameChunk: chunk, frameAt } = sink.outbox;
    chunk.bytes.set(frame, frameAt);
    expected.push(length, frame[0] ?? 0);
    if (isKept) held.push({ release: () => sink.pool.release(chunk) });
    if (random.oneIn(4)) held.splice(random.below(held.length + 1), 1)[0]?.release();
    if (random.oneIn(5)) sink.endBurst();
    if (random.oneIn(20)) {
      sink.isCongested = !sink.isCongested;
      if (!sink.isCongested) sink.outbox.flush();
    }
  }
  sink.outbox.flushAll();
  const whole = Buffer.concat(sink.records);
  for (let at = 0, i = 0; i < expected.length; i += 2) {
    assert.is(whole[at], expected[i + 1]);
    at += expected[i] ?? 0;
    if (i + 2 === expected.length) assert.is(at, whole.length);
  }
  assert.ok(sink.lengths().every((length) => length <= MAX_RECORD_PLAINTEXT_BYTES || expected.includes(length)));
});

test('an arena hands out room that does not overlap, and starts over when nobody refers to it', () => {
  const pool = new SendBufferPool(8 * MAX_RECORD_PLAINTEXT_BYTES);
  const arena = new Arena(pool);
  const first = arena.reserve(100);
  const second = arena.reserve(100);
  assert.is(first.chunk, second.chunk);
  assert.is(second.at, first.at + 100);
  pool.release(first.chunk);
  pool.release(second.chunk);
  assert.is(arena.reserve(10).at, 0);
  assert.is(arena.reserve(MAX_RECORD_PLAINTEXT_BYTES + 1).at, 0);
});

test.run();
