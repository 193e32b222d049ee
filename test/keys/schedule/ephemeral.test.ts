/** X25519 for one handshake: agreement, and what a hostile peer may send as its key. */
import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { generateEphemeral, isAllZero } from '../../../keys/schedule/ephemeral.ts';
import { seededRandom } from '../../support/seed.ts';

const ephemeral = suite('ephemeral');

/** Points of low order and their non-canonical forms (RFC 7748 §7; the list libsodium refuses). */
const LOW_ORDER: readonly string[] = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
];

ephemeral('two sides agree on the same 32 bytes, fresh each time', () => {
  const [ours, theirs] = [generateEphemeral(), generateEphemeral()];
  const shared = ours.agree(theirs.publicKey);
  assert.is(shared?.length, 32);
  assert.is(ours.publicKey.length, 32);
  assert.equal(shared, theirs.agree(ours.publicKey));
  assert.not.equal(shared, generateEphemeral().agree(theirs.publicKey));
});

for (const point of LOW_ORDER)
  ephemeral(`a low-order key is refused: ${point.slice(0, 8)}…`, () => {
    assert.is(generateEphemeral().agree(Buffer.from(point, 'hex')), null);
  });

ephemeral('a key of any length but 32 is refused, and no bytes make it throw', () => {
  const [ours, random] = [generateEphemeral(), seededRandom(2)];
  for (const length of [0, 1, 31, 33, 64]) assert.is(ours.agree(random.bytes(length)), null);
  for (let round = 0; round < 50; round += 1) ours.agree(random.bytes(32));
});

ephemeral('all-zero is told from nearly all-zero', () => {
  assert.is(isAllZero(new Uint8Array(32)), true);
  for (let at = 0; at < 32; at += 1) {
    const bytes = new Uint8Array(32);
    bytes[at] = 0x80;
    assert.is(isAllZero(bytes), false);
  }
});

ephemeral('it prints as [redacted]', () => {
  assert.is(inspect(generateEphemeral(), { showHidden: true }), '[redacted]');
  assert.is(JSON.stringify([generateEphemeral()]), '["[redacted]"]');
});

ephemeral.run();
