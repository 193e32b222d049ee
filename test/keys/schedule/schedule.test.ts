/** The key schedule: both ends get the same, nothing repeats, nothing comes back, nothing prints. */
import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { recordNonce } from '../../../keys/aead/nonce.ts';
import { generateEphemeral } from '../../../keys/schedule/ephemeral.ts';
import {
  deriveSessionSecrets,
  EpochSecret,
  firstOfNextAgreement,
  freshEpoch,
  nextEpoch,
} from '../../../keys/schedule/schedule.ts';
import { seeded, seededRandom } from '../../support/seed.ts';

const schedule = suite('key schedule');
const random = seededRandom(3);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function codeOf(act: () => unknown): unknown {
  try {
    act();
    return 'nothing was thrown';
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

schedule('both ends derive the same secrets from one agreement', () => {
  const [domain, broker] = [generateEphemeral(), generateEphemeral()];
  const transcript = random.bytes(32);
  const ours = deriveSessionSecrets(domain.agree(broker.publicKey) ?? random.bytes(0), transcript);
  const theirs = deriveSessionSecrets(broker.agree(domain.publicKey) ?? random.bytes(0), transcript);
  for (const direction of ['toBroker', 'toDomain'] as const) {
    assert.is(hex(ours[direction].key), hex(theirs[direction].key));
    assert.is(hex(ours[direction].iv), hex(theirs[direction].iv));
    assert.is(hex(ours[direction].commitment), hex(theirs[direction].commitment));
  }
});

schedule('it is the HKDF of the file header, written out by hand', () => {
  const hmac = (key: Uint8Array, ...parts: readonly (string | Uint8Array)[]): Buffer => {
    const mac = createHmac('sha256', key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  };
  const [shared, transcript, one] = [random.bytes(32), random.bytes(32), Uint8Array.of(1)];
  const prk = hmac(transcript, shared);
  const first = hmac(prk, 'argus v1 to-broker secret', one);
  const { toBroker } = deriveSessionSecrets(shared, transcript);
  assert.is(hex(toBroker.key), hex(hmac(first, 'argus v1 key', one)));
  assert.is(hex(toBroker.iv), hex(hmac(first, 'argus v1 iv', one).subarray(0, 12)));
  assert.is(hex(toBroker.commitment), hex(hmac(first, 'argus v1 commitment', one)));
  const second = hmac(first, 'argus v1 next epoch', Uint8Array.of(5, 1, 0, 0, 0, 0, 0, 0), one);
  assert.is(hex(nextEpoch(toBroker, 261).key), hex(hmac(second, 'argus v1 key', one)));
});

schedule('key, IV and commitment have the lengths the ciphers want and are unlike each other', () => {
  const { toBroker } = deriveSessionSecrets(random.bytes(32), random.bytes(32));
  assert.equal([toBroker.key.length, toBroker.iv.length, toBroker.commitment.length], [32, 12, 32]);
  assert.is.not(hex(toBroker.key), hex(toBroker.commitment));
  assert.is.not(hex(toBroker.key).slice(0, 24), hex(toBroker.iv));
});

schedule('another transcript or another shared secret gives other keys', () => {
  const [shared, transcript] = [random.bytes(32), random.bytes(32)];
  const keyOf = (s: Uint8Array, t: Uint8Array): string => hex(deriveSessionSecrets(Uint8Array.from(s), t).toBroker.key);
  const same = keyOf(shared, transcript);
  assert.is(keyOf(shared, transcript), same);
  for (let bit = 0; bit < 256; bit += 17) {
    const flip = (bytes: Uint8Array) => bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    assert.is.not(keyOf(flip(shared), transcript), same);
    assert.is.not(keyOf(shared, flip(transcript)), same);
  }
});

schedule('no (key, nonce) pair repeats over directions, epochs and sequences', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => bytes.some((byte) => byte !== 0)),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uniqueArray(fc.oneof(fc.maxSafeNat(), fc.nat(40)), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 6 }),
      (shared, transcript, sequences, epochs) => {
        const seen = new Set<string>();
        const out = new Uint8Array(12);
        const secrets = deriveSessionSecrets(Uint8Array.from(shared), transcript);
        for (let secret of [secrets.toBroker, secrets.toDomain]) {
          for (let epoch = 0; epoch < epochs; epoch += 1) {
            assert.is(secret.epoch, epoch);
            const key = hex(secret.key);
            for (const sequence of sequences) {
              recordNonce(secret.iv, sequence, out);
              seen.add(`${key} ${hex(out)}`);
            }
            secret = nextEpoch(secret, 7);
          }
        }
        assert.is(seen.size, 2 * epochs * sequences.length);
      },
    ),
    seeded({ numRuns: 100 }),
  );
});

schedule('the next epoch wipes the last: its key cannot be had again, its IV still can', () => {
  const secret = random.bytes(32);
  const old = new EpochSecret(0, secret);
  const iv = hex(old.iv);
  nextEpoch(old, 7);
  assert.is(hex(secret), '00'.repeat(32));
  assert.is(
    codeOf(() => old.key),
    'ERR_KEY_WIPED',
  );
  assert.is(hex(old.iv), iv);
});

schedule('asked twice for the next epoch it gives the same one, so a forged record cannot use it up', () => {
  const { toDomain } = deriveSessionSecrets(random.bytes(32), random.bytes(32));
  assert.is(nextEpoch(toDomain, 7), nextEpoch(toDomain, 7));
  assert.is(
    codeOf(() => nextEpoch(toDomain, 8)),
    'ERR_KEY_WIPED',
  );
});

schedule('the next epoch is bound to the number of records in this one', () => {
  const secret = random.bytes(32);
  const keyAfter = (records: number): string =>
    hex(nextEpoch(new EpochSecret(0, Uint8Array.from(secret)), records).key);
  assert.is(keyAfter(3), keyAfter(3));
  assert.is.not(keyAfter(3), keyAfter(2));
  assert.is.not(keyAfter(2 ** 32), keyAfter(0));
});

schedule('a wiped secret derives nothing, and wiping twice is no error', () => {
  const secret = new EpochSecret(0, random.bytes(32));
  secret.wipe();
  secret.wipe();
  assert.is(
    codeOf(() => secret.key),
    'ERR_KEY_WIPED',
  );
  assert.is(
    codeOf(() => nextEpoch(secret, 0)),
    'ERR_KEY_WIPED',
  );
});

schedule('after the last epoch of the header there is none', () => {
  assert.is(nextEpoch(new EpochSecret(2 ** 32 - 2, random.bytes(32)), 0).epoch, 2 ** 32 - 1);
  assert.is(
    codeOf(() => nextEpoch(new EpochSecret(2 ** 32 - 1, random.bytes(32)), 0)),
    'ERR_KEY_EPOCH_EXHAUSTED',
  );
});

schedule('the shared secret is wiped, so deriving from it again is refused', () => {
  const [shared, transcript] = [random.bytes(32), random.bytes(32)];
  deriveSessionSecrets(shared, transcript);
  assert.is(hex(shared), '00'.repeat(32));
  assert.is(
    codeOf(() => deriveSessionSecrets(shared, transcript)),
    'ERR_KEY_AEAD_USAGE',
  );
});

schedule('inputs of another length are refused', () => {
  for (const [shared, transcript] of [
    [31, 32],
    [33, 32],
    [32, 0],
    [32, 31],
    [32, 33],
  ] as const)
    assert.is(
      codeOf(() => deriveSessionSecrets(random.bytes(shared), random.bytes(transcript))),
      'ERR_KEY_AEAD_USAGE',
    );
});

schedule('a secret prints as [redacted]', () => {
  const { toBroker } = deriveSessionSecrets(random.bytes(32), random.bytes(32));
  const key = hex(toBroker.key);
  const printed = inspect({ toBroker }, { showHidden: true, depth: 9 }) + JSON.stringify({ toBroker });
  assert.is(printed, '{ toBroker: [redacted] }{"toBroker":"[redacted]"}');
  assert.not.ok(printed.includes(key));
});

schedule('a fresh agreement gives keys that neither the old secret nor the shared one gives alone', () => {
  const secretOf = (fill: number): EpochSecret => new EpochSecret(3, new Uint8Array(32).fill(fill));
  const keys = { shared: new Uint8Array(32).fill(2), publicKeys: new Uint8Array(64).fill(3) };
  const made = freshEpoch(secretOf(1), 5, keys);
  assert.is(made.epoch, 65_536);
  assert.is(hex(freshEpoch(secretOf(1), 5, keys).key), hex(made.key));
  const others = [
    nextEpoch(secretOf(1), 5),
    freshEpoch(secretOf(1), 6, keys),
    freshEpoch(secretOf(9), 5, keys),
    freshEpoch(secretOf(1), 5, { ...keys, shared: new Uint8Array(32).fill(9) }),
    freshEpoch(secretOf(1), 5, { ...keys, publicKeys: new Uint8Array(64).fill(9) }),
  ];
  for (const other of others) assert.is.not(hex(other.key), hex(made.key));
  const used = secretOf(1);
  freshEpoch(used, 5, keys);
  assert.is(
    codeOf(() => used.key),
    'ERR_KEY_WIPED',
  );
});

schedule('the ratchet never reaches the first epoch of an agreement, and the last agreement has no next one', () => {
  assert.equal([0, 1, 65_535, 65_536].map(firstOfNextAgreement), [65_536, 65_536, 65_536, 131_072]);
  assert.is(
    codeOf(() => nextEpoch(new EpochSecret(65_535, new Uint8Array(32)), 1)),
    'ERR_KEY_EPOCH_EXHAUSTED',
  );
  const keys = { shared: new Uint8Array(32).fill(2), publicKeys: new Uint8Array(64) };
  const last = new EpochSecret(0xffff_0000, new Uint8Array(32));
  assert.is(
    codeOf(() => freshEpoch(last, 1, keys)),
    'ERR_KEY_EPOCH_EXHAUSTED',
  );
});

schedule.run();
