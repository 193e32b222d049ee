/** HKDF-SHA256 gives the vectors of RFC 5869 and what node:crypto gives. */
import { hkdfSync } from 'node:crypto';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hkdfExpand, hkdfExtract } from '../../../keys/schedule/hkdf.ts';
import { seeded } from '../../support/seed.ts';

const hkdf = suite('hkdf');

function hex(text: string): Uint8Array {
  return Buffer.from(text, 'hex');
}

hkdf('RFC 5869 test case 1', () => {
  const prk = hkdfExtract(hex('000102030405060708090a0b0c'), hex('0b'.repeat(22)));
  assert.is(Buffer.from(prk).toString('hex'), '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
  assert.is(
    Buffer.from(hkdfExpand(prk, hex('f0f1f2f3f4f5f6f7f8f9'), 42)).toString('hex'),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  );
});

hkdf('extract and expand together are what node:crypto gives', () => {
  const bytes = fc.uint8Array({ maxLength: 80 });
  fc.assert(
    fc.property(bytes, bytes, bytes, fc.integer({ min: 1, max: 300 }), (salt, ikm, info, length) => {
      const expected = Buffer.from(hkdfSync('sha256', ikm, salt, info, length));
      assert.is(Buffer.compare(hkdfExpand(hkdfExtract(salt, ikm), info, length), expected), 0);
    }),
    seeded({ numRuns: 200 }),
  );
});

hkdf('it expands to 255 blocks and no further', () => {
  assert.is(hkdfExpand(new Uint8Array(32), new Uint8Array(0), 255 * 32).length, 8160);
  assert.throws(() => hkdfExpand(new Uint8Array(32), new Uint8Array(0), 8161), /more than/);
});

hkdf.run();
