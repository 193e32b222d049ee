/** The frames that carry messages: one layout, two names; the offsets of the hot path are those of the decoder. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataField, type DataFrame, decodeDataFrame, encodeDataFrame, Op } from '../../broker/wire/index.ts';
import { seeded } from '../support/seed.ts';
import { u32 } from './arbitraries.ts';

const frames = suite('data frames');
const u16 = fc.integer({ min: 0, max: 0xffff });

const dataFrame: fc.Arbitrary<DataFrame> = fc
  .record({
    op: fc.constantFrom(Op.sendv, Op.deliver),
    flags: fc.integer({ min: 0, max: 255 }),
    id: u32,
    source: u16,
    destination: u16,
    sourcePort: u32,
    destinationPort: u32,
    messageType: u32,
    payload: fc.uint8Array({ maxLength: 100 }),
  })
  .map((frame) => ({ ...frame }));

frames('what was encoded is decoded, and each field lies at its offset', () => {
  fc.assert(
    fc.property(dataFrame, fc.nat(9), (frame, before) => {
      const bytes = new Uint8Array(before + 28 + frame.payload.length);
      const view = new DataView(bytes.buffer);
      assert.is(encodeDataFrame(view, before, frame), 28 + frame.payload.length);
      assert.equal(decodeDataFrame(bytes.subarray(before)), frame);
      assert.equal(
        {
          op: view.getUint8(before + DataField.op),
          flags: view.getUint8(before + DataField.flags),
          id: view.getUint32(before + DataField.id, true),
          source: view.getUint16(before + DataField.source, true),
          destination: view.getUint16(before + DataField.destination, true),
          sourcePort: view.getUint32(before + DataField.sourcePort, true),
          destinationPort: view.getUint32(before + DataField.destinationPort, true),
          messageType: view.getUint32(before + DataField.messageType, true),
          payload: bytes.slice(before + DataField.payload),
        },
        frame,
      );
    }),
    seeded(),
  );
});

frames('a wrong length, another operation or reserved bits make it none', () => {
  const bytes = new Uint8Array(28);
  const fields = { op: Op.sendv, flags: 0, id: 1, source: 1, destination: 2, sourcePort: 0, destinationPort: 3 };
  encodeDataFrame(new DataView(bytes.buffer), 0, { ...fields, messageType: 0, payload: new Uint8Array(0) });
  assert.is.not(decodeDataFrame(bytes), null);
  assert.is(decodeDataFrame(bytes.subarray(0, 27)), null);
  for (const [at, value] of [
    [0, 29],
    [3, 1],
    [DataField.op, Op.ping],
    [6, 1],
    [7, 1],
  ] as const) {
    const altered = bytes.slice();
    altered[at] = value;
    assert.is(decodeDataFrame(altered), null, `byte ${at}`);
  }
});

frames.run();
