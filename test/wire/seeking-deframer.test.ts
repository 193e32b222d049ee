/** Finding the record that begins again, in a stream whose other end restarts without telling. */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type DeframedRecord,
  Deframer,
  encodeRecordHeader,
  MAX_SKIPPED_BYTES,
  PLACES_PER_SEARCH,
  RECORD_HEADER_BYTES,
  RecordType,
  SeekingDeframer,
} from '../../broker/wire/index.ts';
import { fuzzUntil, seeded, seededRandom } from '../support/seed.ts';

const MAX_BODY_BYTES = 4096;

const resync = suite('seeking deframer');

function record(type: RecordType, sequence: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([encodeRecordHeader(type, 0, sequence, body.length), body]);
}

function hello(length: number, fill = 0x61): Uint8Array {
  return record(RecordType.hello, 0, new Uint8Array(length).fill(fill));
}

function data(sequence: number, body: Uint8Array): Uint8Array {
  return record(RecordType.data, sequence, body);
}

interface Seen {
  readonly type: number;
  readonly sequence: number;
  readonly body: string;
}

/** Everything that comes out of the stream when it is cut at `cuts`; views are read before the next push. */
function read(deframer: Deframer | SeekingDeframer, stream: Uint8Array, cuts: readonly number[]): Seen[] {
  const seen: Seen[] = [];
  const ends = [...new Set([...cuts.map((cut) => Math.min(cut, stream.length)), stream.length])].sort((a, b) => a - b);
  let at = 0;
  for (const end of ends) {
    // A scratch buffer that is overwritten after the call, as a socket's read buffer is.
    const scratch = new Uint8Array(stream.subarray(at, end));
    at = end;
    deframer.push(scratch);
    for (;;) {
      const next: DeframedRecord | string = deframer.next();
      if (next === 'more') break;
      if (typeof next === 'string') return [...seen, { type: -1, sequence: 0, body: next }];
      seen.push({ type: next.type, sequence: next.sequence, body: Buffer.from(next.body).toString('hex') });
    }
    scratch.fill(0xdd);
  }
  return seen;
}

resync('a stream that begins with the sought record is cut as ever', () => {
  const stream = Buffer.concat([hello(100), data(0, Buffer.from('one')), data(1, Buffer.from('two'))]);
  const seen = read(new SeekingDeframer(MAX_BODY_BYTES, RecordType.hello), stream, []);
  assert.equal(
    seen.map(({ type, sequence }) => [type, sequence]),
    [
      [RecordType.hello, 0],
      [RecordType.data, 0],
      [RecordType.data, 1],
    ],
  );
});

resync('whatever precedes it is skipped, whole records of an earlier session too', () => {
  const left = Buffer.concat([Buffer.from('garbage'), data(7, new Uint8Array(300).fill(9)), data(8, Buffer.from('x'))]);
  const seen = read(
    new SeekingDeframer(MAX_BODY_BYTES, RecordType.hello),
    Buffer.concat([left, hello(50)]),
    [3, 40, 330],
  );
  assert.equal(
    seen.map(({ type }) => type),
    [RecordType.hello],
  );
});

resync('half a record followed by a new beginning: the half is dropped, however much of it came', () => {
  const half = data(5, new Uint8Array(600).fill(3));
  for (let length = RECORD_HEADER_BYTES; length < half.length; length += 7) {
    const deframer = new SeekingDeframer(MAX_BODY_BYTES, RecordType.hello);
    const first = Buffer.concat([hello(30), data(4, Buffer.from('whole'))]);
    const stream = Buffer.concat([first, half.subarray(0, length), hello(40, 0x62), data(0, Buffer.from('new'))]);
    const seen = read(deframer, stream, length % 2 === 0 ? [first.length + length] : []);
    assert.equal(
      seen.map(({ type, sequence }) => [type, sequence]),
      [
        [RecordType.hello, 0],
        [RecordType.data, 4],
        [RecordType.hello, 0],
        [RecordType.data, 0],
      ],
      `cut at ${length}`,
    );
  }
});

resync('while strict a header that makes no sense is a fault; otherwise the search goes on', () => {
  const stream = Buffer.concat([hello(10), Buffer.alloc(64, 1), hello(20)]);
  const lenient = new SeekingDeframer(MAX_BODY_BYTES, RecordType.hello);
  assert.is(read(lenient, stream, []).length, 2);
  const strict = new SeekingDeframer(MAX_BODY_BYTES, RecordType.hello);
  strict.isStrict = true;
  assert.equal(read(strict, stream, []).at(-1)?.body, 'BAD_MAGIC');
});

resync('a refusal is found as well, a sealed goodbye of an earlier session is not', () => {
  const goodbye = record(RecordType.close, 12, new Uint8Array(17));
  const refusal = record(RecordType.close, 0, Uint8Array.of(6));
  for (const cuts of [[], [50], [20, 41, 55, 64]]) {
    const deframer = new SeekingDeframer(MAX_BODY_BYTES, RecordType.welcome);
    assert.equal(
      read(deframer, Buffer.concat([goodbye, refusal]), cuts).map(({ type, body }) => [type, body]),
      [[RecordType.close, '06']],
    );
  }
});

resync('a sign whose length is too long is passed over', () => {
  const bait = encodeRecordHeader(RecordType.hello, 0, 0, MAX_BODY_BYTES + 1);
  const seen = read(
    new SeekingDeframer(MAX_BODY_BYTES, RecordType.hello),
    Buffer.concat([bait, bait, hello(8)]),
    [5, 24, 31],
  );
  assert.equal(
    seen.map(({ type }) => type),
    [RecordType.hello],
  );
});

resync('the search is bounded: past the limit it is a fault, and little is held on the way', () => {
  const deframer = new SeekingDeframer(MAX_BODY_BYTES, RecordType.hello);
  const chunk = new Uint8Array(1024 * 1024);
  let fault = '';
  for (let pushed = 0; pushed <= MAX_SKIPPED_BYTES + chunk.length && fault === ''; pushed += chunk.length) {
    deframer.push(chunk);
    const next = deframer.next();
    if (typeof next !== 'string') assert.unreachable('zeros are no record');
    else if (next !== 'more') fault = next;
    assert.ok(deframer.heldBytes < RECORD_HEADER_BYTES);
  }
  assert.is(fault, 'BAD_MAGIC');
});

resync('a deframer without a sought record takes garbage for a fault', () => {
  assert.equal(read(new Deframer(MAX_BODY_BYTES), Buffer.alloc(64, 1), []).at(-1)?.body, 'BAD_MAGIC');
});

resync('for any garbage, any half record and any cuts, what follows the hello arrives', () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(
      bytes,
      fc.nat({ max: 1000 }),
      fc.array(bytes, { maxLength: 4 }),
      fc.array(fc.nat({ max: 3000 }), { maxLength: 12 }),
      (garbage, halfLength, bodies, cuts) => {
        const half = data(3, new Uint8Array(1500).fill(7)).subarray(0, halfLength);
        const start = hello(60);
        const news = [start, ...bodies.map((body, index) => data(index, body))];
        const stream = Buffer.concat([garbage, half, ...news]);
        const deframer = new SeekingDeframer(MAX_BODY_BYTES, RecordType.hello);
        const seen = read(deframer, stream, cuts);
        const wanted = bodies.map((body) => Buffer.from(body).toString('hex'));
        assert.equal(
          seen.map(({ body }) => body),
          [Buffer.alloc(60, 0x61).toString('hex'), ...wanted],
        );
      },
    ),
    seeded({ numRuns: 500 }),
  );
});

/** What a stranger can write at a serial socket without any key. */
const BAITS: readonly [label: string, bait: Uint8Array][] = [
  ['preambles with a length that is too long', encodeRecordHeader(RecordType.hello, 0, 0, MAX_BODY_BYTES + 1)],
  ['preambles with a length that fits', encodeRecordHeader(RecordType.hello, 0, 0, MAX_BODY_BYTES)],
  ['preambles cut short', encodeRecordHeader(RecordType.hello, 0, 0, 1).subarray(0, 16)],
  ['first bytes of preambles', encodeRecordHeader(RecordType.hello, 0, 0, 1).subarray(0, 15)],
  ['refusals', Buffer.concat([encodeRecordHeader(RecordType.close, 0, 0, 1), Uint8Array.of(2)])],
  ['headers of another type', encodeRecordHeader(RecordType.data, 0, 0, MAX_BODY_BYTES)],
  ['zeros', new Uint8Array(24)],
];
for (const [label, bait] of BAITS) {
  resync(`the work is linear in what arrives: ${label}`, () => {
    const stream = Buffer.alloc(256 * 1024, bait);
    for (const step of [stream.length, 4096, 97]) {
      const deframer = new SeekingDeframer(MAX_BODY_BYTES, RecordType.hello);
      for (let at = 0; at < stream.length; at += step) {
        deframer.push(stream.subarray(at, at + step));
        for (let next = deframer.next(); next !== 'more'; next = deframer.next())
          assert.ok(next === 'searching' || typeof next !== 'string', String(next));
      }
      // Three searches look at a byte once each; per push and per record each looks again at what may be a beginning.
      const again = 3 * RECORD_HEADER_BYTES * (stream.length / step + stream.length / bait.length);
      assert.ok(deframer.searchedBytes <= 3 * stream.length + again, `${step}: ${deframer.searchedBytes}`);
    }
  });
}

resync('a call tries a bounded number of places', () => {
  const bait = encodeRecordHeader(RecordType.hello, 0, 0, MAX_BODY_BYTES + 1);
  const deframer = new SeekingDeframer(MAX_BODY_BYTES, RecordType.hello);
  const calls = 5;
  deframer.push(Buffer.alloc(calls * PLACES_PER_SEARCH * bait.length, bait));
  for (let call = 0; call < calls; call++) assert.is(deframer.next(), 'searching');
  assert.is(deframer.next(), 'more');
});

resync('a large record does not leave a large buffer behind', () => {
  const deframer = new SeekingDeframer(2 ** 24, RecordType.hello);
  const large = data(0, new Uint8Array(1_000_000));
  deframer.push(Buffer.concat([hello(8), large.subarray(0, 500_000)]));
  assert.not.type(deframer.next(), 'string');
  assert.is(deframer.next(), 'more');
  deframer.push(large.subarray(500_000));
  assert.not.type(deframer.next(), 'string');
  deframer.push(data(1, Buffer.from('small')));
  const small = deframer.next();
  assert.ok(typeof small !== 'string' && small.body.buffer.byteLength <= 8_192);
});

resync('mutated streams never throw and never make it hold more than has arrived', async () => {
  const random = seededRandom(1);
  const parts = [hello(64), data(0, random.bytes(200)), data(1, random.bytes(900)), hello(30)];
  const stream = new Uint8Array(Buffer.concat(parts));
  await fuzzUntil((each) => {
    const deframer = new SeekingDeframer(MAX_BODY_BYTES, each.below(2) === 0 ? RecordType.hello : RecordType.welcome);
    deframer.isStrict = each.below(2) === 0;
    const mutant = Buffer.concat([each.mutate(stream), each.bytes(each.below(40)), each.mutate(stream)]);
    const cuts = Array.from({ length: each.below(10) }, () => each.below(mutant.length + 1));
    for (const { body } of read(deframer, mutant, cuts)) assert.ok(body.length <= 2 * MAX_BODY_BYTES);
    assert.ok(deframer.heldBytes <= mutant.length);
  });
});

resync.run();
