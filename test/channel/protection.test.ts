/** Record protection: everything altered, replayed or out of order is refused in one way, and keys change in time. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type EpochLimits,
  HARD_EPOCH_LIMITS,
  Opener,
  Sealer,
  SOFT_EPOCH_LIMITS,
} from '../../broker/channel/protection.ts';
import { RecordType } from '../../broker/wire/index.ts';
import { type Aead, type AeadSuite, deriveSessionSecrets, selectAead } from '../../keys/index.ts';
import { seeded } from '../support/seed.ts';
import { recordFrom } from './pair.ts';

const protection = suite('protection');
const SUITE_NAMES: readonly AeadSuite[] = ['A256GCM', 'C20P'];
const NEVER: EpochLimits = {
  records: Number.MAX_SAFE_INTEGER,
  bytes: Number.MAX_SAFE_INTEGER,
  ageMs: Number.MAX_SAFE_INTEGER,
};

class Direction {
  readonly sealer: Sealer;
  readonly opener: Opener;
  /** Opens the same records in place: whatever one refuses, the other refuses. */
  readonly twin: Opener;
  now = 0;

  constructor(aead: Aead = selectAead('A256GCM'), soft: EpochLimits = NEVER, hard: EpochLimits = NEVER, seed = 7) {
    const secrets = () => deriveSessionSecrets(new Uint8Array(32).fill(seed), new Uint8Array(32).fill(9)).toBroker;
    this.sealer = new Sealer(aead, secrets(), () => this.now, soft);
    this.opener = new Opener(aead, secrets(), () => this.now, hard);
    this.twin = new Opener(aead, secrets(), () => this.now, hard);
  }

  seal(text: string): Uint8Array {
    return this.sealer.seal(RecordType.data, Buffer.from(text));
  }

  open(bytes: Uint8Array): string | null {
    const plaintext = this.opener.open(recordFrom(bytes));
    assert.equal(this.twin.openInPlace(recordFrom(bytes)), plaintext && new Uint8Array(plaintext));
    return plaintext === null ? null : Buffer.from(plaintext).toString();
  }
}

for (const name of SUITE_NAMES) {
  protection(`${name}: what was sealed opens, in order`, () => {
    const direction = new Direction(selectAead(name));
    for (const text of ['', 'a', 'b'.repeat(70_000)]) assert.is(direction.open(direction.seal(text)), text);
  });

  protection(`${name}: a flipped bit anywhere, header or body, does not open`, () => {
    const length = 24 + 5 + 16;
    // Magic, version, type and reserved bits, and a length that no longer fits, do not even become a record.
    for (let bit = 0; bit < length * 8; bit++) {
      const direction = new Direction(selectAead(name));
      const bytes = direction.seal('hello');
      assert.is(bytes.length, length);
      const at = bit >> 3;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
      let opened: string | null = null;
      try {
        opened = direction.open(bytes);
      } catch (error) {
        assert.match(String(error), /no record/);
      }
      assert.is(opened, null, `bit ${bit}`);
    }
  });
}

protection('the type is authenticated: data does not become a close', () => {
  const direction = new Direction();
  const bytes = direction.seal('x');
  bytes[3] = RecordType.close;
  assert.is(direction.open(bytes), null);
});

for (const [label, order] of [
  ['replayed', [0, 0]],
  ['swapped', [1, 0]],
  ['left out', [0, 2]],
  ['replayed later', [0, 1, 2, 1]],
] as const) {
  protection(`a record that is ${label} does not open`, () => {
    const direction = new Direction();
    const sealed = [0, 1, 2].map((index) => direction.seal(`record ${index}`));
    const opened = order.map((index) => direction.open(sealed[index] ?? new Uint8Array(0)));
    assert.is(opened.at(-1), null);
  });
}

protection('a failure is final', () => {
  const direction = new Direction();
  const [good, forged] = [direction.seal('good'), direction.seal('x')];
  assert.is(direction.open(forged), null);
  assert.is(direction.open(good), null);
});

protection('a record of the other direction or of another session does not open', () => {
  const secrets = deriveSessionSecrets(new Uint8Array(32).fill(7), new Uint8Array(32).fill(9));
  const other = new Sealer(selectAead('A256GCM'), secrets.toDomain, () => 0);
  assert.is(new Direction().open(other.seal(RecordType.data, Buffer.from('x'))), null);
  assert.is(new Direction().open(new Direction(undefined, NEVER, NEVER, 8).seal('x')), null);
});

for (const length of [0, 1, 15]) {
  protection(`a body of ${length} bytes, less than a tag, does not open`, () => {
    const direction = new Direction();
    const bytes = direction.seal('').slice(0, 24 + length);
    bytes[16] = length;
    assert.is(direction.open(bytes), null);
  });
}

for (const [label, limits, spend] of [
  [
    'records',
    { ...NEVER, records: 3 },
    (direction: Direction) => [direction.seal('a'), direction.seal('b'), direction.seal('c')],
  ],
  ['bytes', { ...NEVER, bytes: 10 }, (direction: Direction) => [direction.seal('0123456789')]],
  [
    'age',
    { ...NEVER, ageMs: 100 },
    (direction: Direction) => {
      const all = [direction.seal('a')];
      direction.now = 100;
      return all;
    },
  ],
] as const) {
  protection(`at the soft limit of ${label} the sender moves to the next epoch, and the receiver follows`, () => {
    const direction = new Direction(undefined, limits);
    for (const bytes of spend(direction)) assert.is.not(direction.open(bytes), null);
    assert.is(direction.sealer.epoch, 0);
    const next = direction.seal('next');
    assert.is(direction.sealer.epoch, 1);
    assert.equal([...next.subarray(4, 16)], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'epoch 1, sequence 0');
    assert.is(direction.open(next), 'next');
    assert.is(direction.open(direction.seal('and on')), 'and on');
  });
}

for (const [label, limits, age] of [
  ['records', { ...NEVER, records: 2 }, 0],
  ['bytes', { ...NEVER, bytes: 2 }, 0],
  ['age', { ...NEVER, ageMs: 100 }, 100],
] as const) {
  protection(`past the hard limit of ${label} the receiver refuses a sender that did not change keys`, () => {
    const direction = new Direction(undefined, NEVER, limits);
    assert.is(direction.open(direction.seal('a')), 'a');
    direction.now = age;
    if (age === 0) assert.is(direction.open(direction.seal('b')), 'b');
    assert.is(direction.open(direction.seal('c')), null);
  });
}

protection('an epoch may not be skipped, nor one before come back', () => {
  const skipping = new Direction(undefined, { ...NEVER, records: 1 });
  const sealed = ['a', 'b', 'c'].map((text) => skipping.seal(text));
  assert.is(skipping.open(sealed[0] ?? new Uint8Array(0)), 'a');
  assert.is(skipping.open(sealed[2] ?? new Uint8Array(0)), null);

  const returning = new Direction(undefined, { ...NEVER, records: 2 });
  const all = ['a', 'b', 'c', 'd'].map((text) => returning.seal(text));
  const order = [0, 2, 1].map((index) => returning.open(all[index] ?? new Uint8Array(0)));
  assert.equal(order, ['a', null, null]);
});

protection('the last records of an epoch cannot be taken out: the next epoch does not open then', () => {
  for (const [label, arrived] of [
    ['the last', [0, 1, 3]],
    ['the last two', [0, 3]],
    ['all of them', [3]],
    ['none', [0, 1, 2, 3]],
  ] as const) {
    const direction = new Direction(undefined, { ...NEVER, records: 3 });
    const sealed = ['a', 'b', 'c', 'd'].map((text) => direction.seal(text));
    const opened = arrived.map((index) => direction.open(sealed[index] ?? new Uint8Array(0)));
    assert.is(opened.at(-1), label === 'none' ? 'd' : null, label);
  }
});

protection('a forged record of the next epoch moves nothing: the record that is due opens on another opener', () => {
  const direction = new Direction(undefined, { ...NEVER, records: 1 });
  const [first, second] = [direction.seal('a'), direction.seal('b')];
  assert.is(direction.open(first), 'a');
  const forged = second.slice();
  forged[30] = (forged[30] ?? 0) ^ 1;
  assert.is(direction.open(forged), null);
  assert.is(direction.open(second), null, 'final for the session');
});

protection('no nonce of a key is used twice, across epochs either', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (sizes, records) => {
      const seen = new Set<string>();
      const real = selectAead('A256GCM');
      let keys = 0;
      const numbers = new Map<object, number>();
      const watching: Aead = {
        ...real,
        sealInPlace: (key, nonce, aad, bytes, start, length) => {
          if (!numbers.has(key)) numbers.set(key, keys++);
          const use = `${numbers.get(key)}:${Buffer.from(nonce).toString('hex')}`;
          assert.not(seen.has(use));
          seen.add(use);
          real.sealInPlace(key, nonce, aad, bytes, start, length);
        },
      };
      const direction = new Direction(watching, { ...NEVER, records });
      for (const size of sizes) assert.is(direction.open(direction.seal('x'.repeat(size))), 'x'.repeat(size));
      assert.is(keys, Math.ceil(sizes.length / records));
    }),
    seeded({ numRuns: 50 }),
  );
});

protection(
  'an old epoch gives its key back when the next one begins, a forged next epoch at once, and free the last',
  () => {
    const real = selectAead('A256GCM');
    let live = 0;
    const counting: Aead = {
      ...real,
      importKey: (raw) => {
        const key = real.importKey(raw);
        let isLive = true;
        live++;
        const free = key.free.bind(key);
        key.free = () => {
          if (isLive) live--;
          isLive = false;
          free();
        };
        return key;
      },
    };
    const direction = new Direction(counting, { ...NEVER, records: 1 });
    assert.is(live, 3, 'a sealer and two openers');
    for (const text of ['a', 'b', 'c']) assert.is(direction.open(direction.seal(text)), text);
    assert.is(live, 3);
    const forged = direction.seal('d');
    forged[30] = (forged[30] ?? 0) ^ 1;
    assert.is(direction.open(forged), null);
    assert.is(live, 3);
    for (const end of [direction.sealer, direction.opener, direction.twin]) end.free();
    assert.is(live, 0);
    assert.throws(
      () => direction.seal('e'),
      (error: { code?: string }) => error.code === 'ERR_KEY_WIPED',
    );
    assert.is(direction.open(forged), null);
  },
);

protection('a record is sealed where it lies, and nothing around it changes', () => {
  const direction = new Direction();
  const twin = new Direction();
  const memory = new Uint8Array(200).fill(0xc5);
  memory.set(Buffer.from('hello'), 50 + 24);
  direction.sealer.sealInPlace(RecordType.data, memory, 50, 5);
  assert.equal(Buffer.from(memory.subarray(50, 50 + 24 + 5 + 16)), Buffer.from(twin.seal('hello')));
  assert.ok([...memory.subarray(0, 50), ...memory.subarray(95)].every((byte) => byte === 0xc5));
});

protection('the limits are those of the design, and the hard ones leave room', () => {
  assert.equal(SOFT_EPOCH_LIMITS, { records: 2 ** 20, bytes: 2 ** 30, ageMs: 120_000 });
  for (const key of ['records', 'bytes', 'ageMs'] as const)
    assert.is(HARD_EPOCH_LIMITS[key], 2 * SOFT_EPOCH_LIMITS[key]);
});

protection.run();
