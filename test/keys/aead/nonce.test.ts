/** Record nonces: IV XOR sequence, never twice the same, never out of range. */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { recordNonce } from '../../../keys/aead/nonce.ts';
import { seeded } from '../../support/seed.ts';

const nonce = suite('record nonce');

const ivs = fc.uint8Array({ minLength: 12, maxLength: 12 });
const sequences = fc.oneof(fc.maxSafeNat(), fc.nat(1000), fc.constantFrom(0, 2 ** 31, 2 ** 32, 2 ** 53 - 1));

/** The readable twin. */
function slowNonce(iv: Uint8Array, sequence: number): Buffer {
  const padded = Buffer.alloc(12);
  padded.writeBigUInt64LE(BigInt(sequence), 4);
  return Buffer.from(padded.map((byte, at) => byte ^ (iv[at] ?? 0)));
}

nonce('it is the IV XOR the little-endian sequence in the last eight bytes', () => {
  fc.assert(
    fc.property(ivs, sequences, (iv, sequence) => {
      const out = new Uint8Array(12);
      recordNonce(iv, sequence, out);
      assert.is(Buffer.compare(out, slowNonce(iv, sequence)), 0);
    }),
    seeded({ numRuns: 500 }),
  );
});

nonce('two sequences never give the same nonce', () => {
  fc.assert(
    fc.property(ivs, sequences, sequences, (iv, one, other) => {
      const [left, right] = [new Uint8Array(12), new Uint8Array(12)];
      recordNonce(iv, one, left);
      recordNonce(iv, other, right);
      assert.is(Buffer.compare(left, right) === 0, one === other);
    }),
    seeded({ numRuns: 500 }),
  );
});

for (const sequence of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])
  nonce(`a sequence that would wrap or round is refused: ${sequence}`, () => {
    try {
      recordNonce(new Uint8Array(12), sequence, new Uint8Array(12));
    } catch (error) {
      assert.is(error instanceof Error && 'code' in error && error.code, 'ERR_KEY_SEQUENCE_RANGE');
      return;
    }
    assert.unreachable();
  });

nonce('an IV or an output of another length is refused', () => {
  for (const [iv, out] of [
    [11, 12],
    [12, 11],
    [12, 16],
  ] as const)
    assert.throws(() => recordNonce(new Uint8Array(iv), 0, new Uint8Array(out)), /12 bytes/);
});

nonce.run();
