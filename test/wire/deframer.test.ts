/** A byte stream becomes records, whatever its chunks; memory follows what has arrived, not what was declared. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DeframedRecord, Deframer, encodeRecordHeader, RecordType } from '../../broker/wire/index.ts';
import { seeded } from '../support/seed.ts';

const deframing = suite('deframer');

function recordOf(sequence: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([encodeRecordHeader(RecordType.data, 0, sequence, body.length), body]);
}

/** Everything that comes out of these chunks, as `sequence:body`, and the fault if there was one. */
function collect(deframer: Deframer, chunks: readonly Uint8Array[]): string[] {
  const found: string[] = [];
  for (const chunk of chunks) {
    // The socket's memory is its own again after the call.
    const lent = new Uint8Array(chunk);
    deframer.push(lent);
    for (let next = deframer.next(); next !== 'more'; next = deframer.next()) {
      found.push(typeof next === 'string' ? next : describe(next));
      if (typeof next === 'string') break;
    }
    lent.fill(0xee);
  }
  return found;
}

function describe({ sequence, length, body, headerBytes }: DeframedRecord): string {
  assert.is(body.length, length);
  assert.equal(Buffer.from(headerBytes), Buffer.from(encodeRecordHeader(RecordType.data, 0, sequence, length)));
  return `${sequence}:${Buffer.from(body).toString('hex')}`;
}

function split(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const bodies = fc.array(
  fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ minLength: 4_000, maxLength: 9_000 })),
  { minLength: 1, maxLength: 8 },
);

deframing('the same records come out of any chunking', () => {
  fc.assert(
    fc.property(
      bodies,
      fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 12_000 })), {
        minLength: 1,
        maxLength: 9,
      }),
      (each, sizes) => {
        const whole = Buffer.concat(each.map((body, index) => recordOf(index, body)));
        const expected = each.map((body, index) => `${index}:${Buffer.from(body).toString('hex')}`);
        assert.equal(collect(new Deframer(10_000), [whole]), expected);
        assert.equal(collect(new Deframer(10_000), split(whole, sizes)), expected);
      },
    ),
    seeded({ numRuns: 200 }),
  );
});

deframing('byte by byte', () => {
  const whole = Buffer.concat([recordOf(0, Buffer.from('abc')), recordOf(1, new Uint8Array(0))]);
  assert.equal(collect(new Deframer(10), split(whole, [1])), ['0:616263', '1:']);
});

deframing('an empty chunk brings nothing', () => {
  const deframer = new Deframer(10);
  deframer.push(new Uint8Array(0));
  assert.is(deframer.next(), 'more');
});

deframing('a record that lies whole in a chunk is a view of it', () => {
  const bytes = new Uint8Array(recordOf(0, Buffer.from('abc')));
  const deframer = new Deframer(10);
  deframer.push(bytes);
  const record = deframer.next();
  assert.ok(typeof record !== 'string' && record.body.buffer === bytes.buffer);
  assert.is(deframer.heldBytes, 0);
});

deframing('a declared length costs no memory before the bytes are there', () => {
  const deframer = new Deframer(0xffff_ffff);
  deframer.push(encodeRecordHeader(RecordType.data, 0, 0, 0xffff_ffff));
  assert.is(deframer.next(), 'more');
  assert.ok(deframer.heldBytes <= 24);
});

deframing('a large record does not leave a large buffer behind', () => {
  const deframer = new Deframer(10_000_000);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 20; i++) {
    const own = new Deframer(10_000_000);
    assert.is(collect(own, split(recordOf(0, new Uint8Array(1_000_000)), [400_000])).length, 1);
    kept.push(own);
  }
  globalThis.gc?.();
  assert.ok(deframer.heldBytes === 0);
  if (globalThis.gc !== undefined) assert.ok(process.memoryUsage().arrayBuffers - before < 5_000_000);
});
const kept: Deframer[] = [];

for (const cut of [0, 1, 23, 24, 25]) {
  deframing(`a fault is final, also when the header straddles chunks at ${cut}`, () => {
    const bad = new Uint8Array(recordOf(0, Buffer.from('abc')));
    bad[2] = 9;
    const good = recordOf(0, Buffer.from('abc'));
    const deframer = new Deframer(10);
    const found = collect(deframer, [bad.subarray(0, cut), bad.subarray(cut), good, good]);
    assert.equal(new Set(found), new Set(['BAD_VERSION']));
    assert.is(deframer.heldBytes, 0);
  });
}

deframing('the cap is that of the moment at which the header is read', () => {
  const deframer = new Deframer(10);
  deframer.push(recordOf(0, new Uint8Array(10)));
  assert.not.type(deframer.next(), 'string');
  deframer.maxLength = 20;
  deframer.push(recordOf(1, new Uint8Array(20)));
  assert.not.type(deframer.next(), 'string');
  deframer.push(recordOf(2, new Uint8Array(21)));
  assert.is(deframer.next(), 'TOO_LONG');
});

deframing('what is kept no longer depends on memory that was lent', () => {
  const lent = Buffer.concat([
    recordOf(0, Buffer.from('abc')),
    recordOf(1, Buffer.from('def')),
    recordOf(2, new Uint8Array(9)).subarray(0, 30),
  ]);
  const deframer = new Deframer(10);
  deframer.push(lent);
  assert.not.type(deframer.next(), 'string');
  deframer.keep();
  lent.fill(0xee);
  const second = deframer.next();
  assert.is(typeof second === 'string' ? second : describe(second), '1:646566');
  assert.is(deframer.next(), 'more');
});

deframing('a chunk that comes before the last one was worked through follows it', () => {
  const deframer = new Deframer(10);
  const whole = Buffer.concat([
    recordOf(0, Buffer.from('a')),
    recordOf(1, Buffer.from('b')),
    recordOf(2, Buffer.from('c')),
  ]);
  deframer.push(whole.subarray(0, 40));
  deframer.push(whole.subarray(40));
  assert.equal(collect(deframer, [new Uint8Array(0)]), ['0:61', '1:62', '2:63']);
});

deframing('a chunk that was read to its end is let go by keep: its lender may take the memory away', () => {
  const deframer = new Deframer(100);
  const record = Uint8Array.from(recordOf(0, new Uint8Array(10)));
  deframer.push(record);
  assert.type(deframer.next(), 'object');
  deframer.keep();
  assert.is(deframer.heldBytes, 0);
  structuredClone(record, { transfer: [record.buffer] });
  assert.is(deframer.next(), 'more');
});

deframing('what is kept of chunk after chunk takes the same memory, until a chunk is read at once', () => {
  const deframer = new Deframer(1_000);
  const chunk = Buffer.concat([0, 1, 2].map((index) => recordOf(index, Buffer.alloc(100, index))));
  const memories = new Set<ArrayBufferLike>();
  for (let round = 0; round < 3; round++) {
    const lent = new Uint8Array(chunk);
    deframer.push(lent);
    assert.is(describe(taken(deframer)), describe(taken(new Deframer(1_000), chunk)));
    deframer.keep();
    lent.fill(0xee);
    deframer.keep();
    for (const index of [1, 2]) {
      const record = taken(deframer);
      assert.equal([record.sequence, [...new Set(record.body)]], [index, [index]]);
      memories.add(record.body.buffer);
    }
    assert.is(deframer.next(), 'more');
    assert.is(deframer.memoryBytes, 2 * recordOf(0, new Uint8Array(100)).length);
  }
  assert.is(memories.size, 1);
  assert.is(collect(deframer, [chunk]).length, 3);
  assert.is(deframer.memoryBytes, 0);
});

function taken(deframer: Deframer, chunk?: Uint8Array): DeframedRecord {
  if (chunk !== undefined) deframer.push(chunk);
  const record = deframer.next();
  if (typeof record === 'string') throw new Error(record);
  return record;
}

deframing.run();
