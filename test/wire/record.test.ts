/** The record header: 24 bytes, all of them checked. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeRecordHeader, encodeRecordHeader, RecordType } from '../../broker/wire/index.ts';
import { seeded } from '../support/seed.ts';
import { u32 } from './arbitraries.ts';

const records = suite('record header');

records('what was encoded is decoded', () => {
  const type = fc.constantFrom(...Object.values(RecordType));
  const sequence = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER));
  fc.assert(
    fc.property(type, u32, sequence, u32, fc.nat(9), (kind, epoch, number, length, before) => {
      const header = encodeRecordHeader(kind, epoch, number, length);
      assert.is(header.length, 24);
      const bytes = new Uint8Array(before + 24);
      bytes.set(header, before);
      assert.equal(decodeRecordHeader(bytes, before, 0xffff_ffff), { type: kind, epoch, sequence: number, length });
    }),
    seeded(),
  );
});

records('the layout is the documented one', () => {
  const header = encodeRecordHeader(RecordType.data, 0x01020304, 0x05060708090a, 0x0b0c0d0e);
  assert.is(Buffer.from(header).toString('hex'), 'a7670203040302010a09080706050000' + '0e0d0c0b00000000');
});

const FAULTS = [
  ['magic', 0, 0xa6, 'BAD_MAGIC'],
  ['magic', 1, 0x68, 'BAD_MAGIC'],
  ['version', 2, 0, 'BAD_VERSION'],
  ['version', 2, 1, 'BAD_VERSION'],
  ['type', 3, 0, 'BAD_TYPE'],
  ['type', 3, 6, 'BAD_TYPE'],
  ['sequence', 14, 0x20, 'BAD_SEQUENCE'],
  ['sequence', 15, 1, 'BAD_SEQUENCE'],
  ['reserved', 20, 1, 'BAD_RESERVED'],
  ['reserved', 23, 0x80, 'BAD_RESERVED'],
] as const;
for (const [field, at, value, fault] of FAULTS) {
  records(`${field} of ${value} in byte ${at} is ${fault}`, () => {
    const header = encodeRecordHeader(RecordType.data, 0, 0, 16);
    header[at] = value;
    assert.is(decodeRecordHeader(header, 0, 16), fault);
  });
}

for (const [length, result] of [
  [15, 'object'],
  [16, 'object'],
  [17, 'string'],
] as const) {
  records(`a length of ${length} under a cap of 16 is ${result === 'string' ? 'TOO_LONG' : 'taken'}`, () => {
    const decoded = decodeRecordHeader(encodeRecordHeader(RecordType.hello, 0, 0, length), 0, 16);
    assert.type(decoded, result);
  });
}

records.run();
