/** Any bytes at all: a value or a fault, never a throw, never a hang. FUZZ_SECONDS sets the budget. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  Deframer,
  decodeBrokerFrame,
  decodeDataFrame,
  decodeDomainFrame,
  encodeBrokerFrame,
  encodeDomainFrame,
  encodeRecordHeader,
  RecordType,
} from '../../broker/wire/index.ts';
import { fuzzUntil, SEED } from '../support/seed.ts';
import { brokerFrame, domainFrame } from './arbitraries.ts';

const fuzzing = suite('wire fuzz');
const CORPUS = [
  ...fc.sample(domainFrame, { numRuns: 100, seed: SEED }).map(encodeDomainFrame),
  ...fc.sample(brokerFrame, { numRuns: 100, seed: SEED }).map(encodeBrokerFrame),
  new Uint8Array(28),
];
const PER_ROUND = 200;

fuzzing('decoders take random, mutated and truncated bytes', async () => {
  await fuzzUntil((random) => {
    for (let i = 0; i < PER_ROUND; i++) {
      const bytes = random.oneIn(4) ? random.bytes(random.below(200)) : random.mutate(random.pick(CORPUS));
      for (const decode of [decodeDomainFrame, decodeBrokerFrame]) {
        decode(bytes, 0, bytes.length);
        decode(bytes, random.below(bytes.length + 1), bytes.length + random.below(3));
      }
      decodeDataFrame(bytes);
    }
  });
});

fuzzing('what a decoder accepts is what an encoder makes: no second spelling of a frame', async () => {
  await fuzzUntil((random) => {
    for (let i = 0; i < PER_ROUND; i++) {
      const bytes = random.mutate(random.pick(CORPUS));
      // The length was matched by whoever walks the frames; a name that is no UTF-8 has many spellings.
      if (bytes.length >= 4) new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, bytes.length, true);
      if (bytes.some((byte) => byte >= 0x80) && [0x15, 0x81, 0x95].includes(bytes[4] ?? 0)) continue;
      // Frames without an id of their own leave that field unread.
      const told = decodeDomainFrame(bytes, 0, bytes.length);
      if (told !== null && 'id' in told) assert.equal(Buffer.from(encodeDomainFrame(told)), Buffer.from(bytes));
      const heard = decodeBrokerFrame(bytes, 0, bytes.length);
      if (heard !== null && 'id' in heard && heard.op !== 0x91) {
        assert.equal(Buffer.from(encodeBrokerFrame(heard)), Buffer.from(bytes));
      }
    }
  });
});

fuzzing('a deframer takes any stream in any chunks, and holds no more than came', async () => {
  await fuzzUntil((random) => {
    const deframer = new Deframer(random.pick([16, 1_000, 16_384]));
    let pushed = 0;
    for (let i = 0; i < 30; i++) {
      const body = random.bytes(random.below(300));
      const record = Buffer.concat([
        encodeRecordHeader(random.pick(Object.values(RecordType)), random.below(3), i, body.length),
        body,
      ]);
      const bytes = random.oneIn(10) ? random.mutate(new Uint8Array(record)) : record;
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + random.below(bytes.length - at);
        deframer.push(bytes.subarray(at, at + size));
        pushed += size;
        for (let next = deframer.next(); typeof next !== 'string'; next = deframer.next()) {
          assert.is(next.body.length, next.length);
        }
        assert.ok(deframer.heldBytes <= pushed);
        at += size;
      }
    }
  });
});

fuzzing.run();
