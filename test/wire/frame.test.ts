/** Control frames: what was encoded is decoded, and nothing else is. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decodeBrokerFrame,
  decodeDomainFrame,
  encodeBrokerFrame,
  encodeDomainFrame,
  Op,
  Status,
} from '../../broker/wire/index.ts';
import { seeded } from '../support/seed.ts';
import { brokerFrame, domainFrame } from './arbitraries.ts';

const frames = suite('control frames');

/** Views compare by their bytes. */
const plain = (frame: unknown): string =>
  JSON.stringify(frame, (_key, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value));

const DIRECTIONS = [
  [
    'domain',
    (bytes: Uint8Array, start: number, end: number) => decodeDomainFrame(bytes, start, end),
    domainFrame.map((frame) => ({ frame: plain(frame), bytes: encodeDomainFrame(frame) })),
  ],
  [
    'broker',
    (bytes: Uint8Array, start: number, end: number) => decodeBrokerFrame(bytes, start, end),
    brokerFrame.map((frame) => ({ frame: plain(frame), bytes: encodeBrokerFrame(frame) })),
  ],
] as const;

for (const [who, decode, encoded] of DIRECTIONS) {
  frames(`each frame of the ${who} comes back as it was, wherever it lies`, () => {
    fc.assert(
      fc.property(encoded, fc.nat(20), ({ frame, bytes }, before) => {
        const buffer = new Uint8Array(before + bytes.length + 3).fill(0xff);
        buffer.set(bytes, before);
        assert.is(plain(decode(buffer, before, before + bytes.length)), frame);
        assert.is(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true), bytes.length);
      }),
      seeded({ numRuns: 500 }),
    );
  });

  frames(`a frame of the ${who} that is one byte short or long is none`, () => {
    fc.assert(
      fc.property(encoded, ({ bytes }) => {
        const longer = new Uint8Array(bytes.length + 1);
        longer.set(bytes);
        assert.is(decode(bytes, 0, bytes.length - 1), null);
        assert.is(decode(longer, 0, longer.length), null);
      }),
      seeded({ numRuns: 300 }),
    );
  });

  frames(`flags and reserved bits of a frame of the ${who} are zero`, () => {
    fc.assert(
      fc.property(encoded, fc.integer({ min: 5, max: 7 }), fc.integer({ min: 1, max: 255 }), ({ bytes }, at, value) => {
        const altered = bytes.slice();
        altered[at] = value;
        assert.is(decode(altered, 0, altered.length), null);
      }),
      seeded({ numRuns: 200 }),
    );
  });
}

for (const [frame, at] of [
  [{ op: Op.reply, id: 1, status: Status.EACCES, value: 0 }, 12],
  [{ op: Op.notified, id: 1, status: Status.EACCES, answers: [] }, 12],
  [{ op: Op.refused, id: 1, status: Status.EACCES, maxMessageSize: 0 }, 12],
  [{ op: Op.ringClosed, ring: 1, status: Status.EACCES }, 16],
] as const) {
  frames(`a status that this version does not know is malformed: op ${frame.op}`, () => {
    const bytes = encodeBrokerFrame(frame);
    assert.is(bytes[at], Status.EACCES);
    assert.is.not(decodeBrokerFrame(bytes, 0, bytes.length), null);
    bytes[at] = 250;
    assert.is(decodeBrokerFrame(bytes, 0, bytes.length), null);
  });
}

frames('neither side takes the frames of the other', () => {
  const ping = encodeDomainFrame({ op: Op.ping, id: 1 });
  const pong = encodeBrokerFrame({ op: Op.brokerPong, id: 1 });
  assert.is(decodeBrokerFrame(ping, 0, ping.length), null);
  assert.is(decodeDomainFrame(pong, 0, pong.length), null);
});

for (const [count, isFrame] of [
  [0, true],
  [256, true],
  [257, true],
  [258, false],
] as const) {
  frames(`a notify with ${count} entries is ${isFrame ? 'a' : 'no'} frame`, () => {
    const queries = Array.from({ length: count }, () => ({ domid: 1, pad: 0, port: 1, spaceRequired: 1 }));
    const bytes = encodeDomainFrame({ op: Op.notify, id: 1, queries });
    assert.is(decodeDomainFrame(bytes, 0, bytes.length) !== null, isFrame);
  });
}

frames('a notify that declares more entries than it has is none, and allocates nothing for them', () => {
  const bytes = encodeDomainFrame({ op: Op.notify, id: 1, queries: [] });
  bytes[12] = 200;
  assert.is(decodeDomainFrame(bytes, 0, bytes.length), null);
});

frames('a notify is either empty or asks: both at once is none', () => {
  const bytes = encodeDomainFrame({ op: Op.notify, id: 1, queries: [{ domid: 1, pad: 0, port: 1, spaceRequired: 0 }] });
  bytes[14] = 1;
  assert.is(decodeDomainFrame(bytes, 0, bytes.length), null);
  bytes[14] = 2;
  assert.is(decodeDomainFrame(bytes, 0, bytes.length), null);
});

for (const [length, isFrame] of [
  [63, true],
  [64, false],
] as const) {
  frames(`a name of ${length} bytes is ${isFrame ? '' : 'not '}taken`, () => {
    const bytes = encodeDomainFrame({ op: Op.resolve, id: 1, name: 'x'.repeat(length) });
    assert.is(decodeDomainFrame(bytes, 0, bytes.length) !== null, isFrame);
  });
}

frames('a name that is no UTF-8 is decoded all the same, to a name that nobody has', () => {
  const bytes = encodeDomainFrame({ op: Op.resolve, id: 1, name: 'ab' });
  bytes.fill(0xff, 13);
  const frame = decodeDomainFrame(bytes, 0, bytes.length);
  assert.equal(frame, { op: Op.resolve, id: 1, name: '\ufffd\ufffd' });
});

frames('operation codes are all different, those of the domain below 0x80', () => {
  const codes = Object.values(Op);
  assert.is(new Set(codes).size, codes.length);
});

frames.run();
