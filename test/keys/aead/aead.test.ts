/** AEAD: every suite by every provider, and that the three providers give the same results. */
import { createDecipheriv } from 'node:crypto';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AEAD_SUITES, type Aead, type AeadSuite, parseSuite } from '../../../keys/aead/aead.ts';
import { allAeads, chooseAead, selectAead } from '../../../keys/aead/select.ts';
import { SEED, seeded, seededRandom } from '../../support/seed.ts';

const aead = suite('aead');
const random = seededRandom(1);
const ALL_AEADS = allAeads();
/** Those of every provider. */
const SUITE_NAMES: readonly AeadSuite[] = ['A256GCM', 'C20P'];

function labelOf(each: Aead): string {
  return `${each.suite}/${each.provider}`;
}

function refuses(act: () => unknown, label: string, code = 'ERR_KEY_AEAD_USAGE'): void {
  try {
    act();
  } catch (error) {
    assert.is(error instanceof Error && 'code' in error && error.code, code, label);
    return;
  }
  assert.unreachable(`${label}: nothing was thrown`);
}

aead('two suites have three providers and one has one, and the one that works in place is what one gets', () => {
  assert.equal(ALL_AEADS.map(labelOf), [
    'A256GCM/in-place',
    'A256GCM/node',
    'A256GCM/noble',
    'C20P/in-place',
    'C20P/node',
    'C20P/noble',
    'A256GCMSIV/noble',
  ]);
  for (const name of SUITE_NAMES) assert.is(selectAead(name).provider, 'in-place');
  assert.is(selectAead('C20P', 'noble').provider, 'noble');
  for (const provider of [null, 'in-place', 'node', 'noble'] as const)
    assert.is(selectAead('A256GCMSIV', provider).provider, 'noble');
  assert.equal(chooseAead(), { provider: 'in-place', reason: null });
  for (const provider of ['in-place', 'node', 'noble'] as const)
    assert.equal(chooseAead(provider), { provider, reason: null });
});

aead('what was sealed opens, at lengths around every block boundary and at a whole record', () => {
  for (const each of ALL_AEADS) {
    for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 1764, 65_536]) {
      const key = each.importKey(random.bytes(32));
      const [nonce, aad, plaintext] = [random.bytes(12), random.bytes(24), random.bytes(length)];
      const { ciphertext, tag } = each.seal(key, nonce, aad, plaintext);
      assert.is(ciphertext.length, length, `${labelOf(each)} ${length}`);
      assert.is(tag.length, 16);
      assert.is(Buffer.compare(each.open(key, nonce, aad, ciphertext, tag) ?? random.bytes(1), plaintext), 0);
    }
  }
});

aead('all providers seal the same bytes and open each other on random input', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(
      fc.constantFrom(...SUITE_NAMES),
      bytes(32),
      bytes(12),
      fc.uint8Array({ maxLength: 100 }),
      fc.uint8Array({ maxLength: 600 }),
      (name, raw, nonce, aad, plaintext) => {
        const noble = selectAead(name, 'noble');
        const reference = noble.seal(noble.importKey(raw), nonce, aad, plaintext);
        for (const provider of ['in-place', 'node'] as const) {
          const fast = selectAead(name, provider);
          const key = fast.importKey(raw);
          const sealed = fast.seal(key, nonce, aad, plaintext);
          assert.is(Buffer.compare(sealed.ciphertext, reference.ciphertext), 0, provider);
          assert.is(Buffer.compare(sealed.tag, reference.tag), 0, provider);
          const opened = fast.open(key, nonce, aad, reference.ciphertext, reference.tag);
          assert.is(Buffer.compare(opened ?? Buffer.from('null'), plaintext), 0, provider);
          key.free();
        }
      },
    ),
    seeded({ numRuns: 300 }),
  );
});

aead('all providers refuse the same damaged input, and never throw on it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SUITE_NAMES),
      fc.uint8Array({ maxLength: 20 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      (name, nonce, aad, ciphertext, tag) => {
        for (const provider of ['in-place', 'node', 'noble'] as const) {
          const each = selectAead(name, provider);
          assert.is(each.open(each.importKey(new Uint8Array(32)), nonce, aad, ciphertext, tag), null);
        }
      },
    ),
    seeded({ numRuns: 300 }),
  );
});

aead('one flipped bit anywhere in nonce, aad, ciphertext or tag is refused', () => {
  for (const each of ALL_AEADS) {
    const key = each.importKey(random.bytes(32));
    const [nonce, aad] = [random.bytes(12), random.bytes(24)];
    const { ciphertext, tag } = each.seal(key, nonce, aad, random.bytes(37));
    const parts = [nonce, aad, ciphertext, tag];
    parts.forEach((part, which) => {
      for (let bit = 0; bit < part.length * 8; bit += 1) {
        const flipped = Uint8Array.from(part);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const [n, a, c, t] = parts.map((original, at) => (at === which ? flipped : original));
        if (n && a && c && t)
          assert.is(each.open(key, n, a, c, t), null, `${labelOf(each)} part ${which} bit ${bit} (seed ${SEED})`);
      }
    });
    assert.is.not(each.open(key, nonce, aad, ciphertext, tag), null);
  }
});

aead('a tag of any length but 16 is refused, a true prefix of the right one too', () => {
  for (const each of ALL_AEADS) {
    const key = each.importKey(random.bytes(32));
    const [nonce, aad] = [random.bytes(12), random.bytes(24)];
    const { ciphertext, tag } = each.seal(key, nonce, aad, random.bytes(20));
    for (const length of [0, 1, 4, 8, 12, 13, 14, 15])
      assert.is(each.open(key, nonce, aad, ciphertext, tag.subarray(0, length)), null, `${labelOf(each)} ${length}`);
    const long = Buffer.concat([tag, Buffer.alloc(1)]);
    assert.is(each.open(key, nonce, aad, ciphertext, long), null, labelOf(each));
  }
});

aead('a nonce of any length but 12 opens nothing and seals nothing', () => {
  for (const each of ALL_AEADS) {
    const key = each.importKey(random.bytes(32));
    for (const length of [0, 1, 8, 11, 13, 16, 24]) {
      const nonce = random.bytes(length);
      assert.is(each.open(key, nonce, new Uint8Array(0), new Uint8Array(8), new Uint8Array(16)), null);
      refuses(() => each.seal(key, nonce, new Uint8Array(0), new Uint8Array(8)), `${labelOf(each)} ${length}`);
    }
  }
});

aead('a shortened, lengthened or empty ciphertext, another aad and another key are refused', () => {
  for (const each of ALL_AEADS) {
    const raw = random.bytes(32);
    const key = each.importKey(raw);
    const [nonce, aad] = [random.bytes(12), random.bytes(24)];
    const { ciphertext, tag } = each.seal(key, nonce, aad, random.bytes(33));
    for (const wrong of [ciphertext.subarray(0, 32), Buffer.concat([ciphertext, Buffer.alloc(1)]), new Uint8Array(0)])
      assert.is(each.open(key, nonce, aad, wrong, tag), null);
    assert.is(each.open(key, nonce, aad.subarray(1), ciphertext, tag), null);
    assert.is(each.open(key, nonce, new Uint8Array(0), ciphertext, tag), null);
    raw[0] = (raw[0] ?? 0) ^ 1;
    assert.is(each.open(each.importKey(raw), nonce, aad, ciphertext, tag), null);
  }
});

aead('one nonce under one key for two plaintexts tells only A256GCMSIV’s observer nothing of them', () => {
  const [nonce, aad] = [random.bytes(12), random.bytes(24)];
  const plaintexts = [random.bytes(64), random.bytes(64)] as const;
  for (const each of ALL_AEADS) {
    const key = each.importKey(random.bytes(32));
    const [first, second] = plaintexts.map((plaintext) => each.seal(key, nonce, aad, plaintext));
    const differences = plaintexts[0].map((byte, at) => byte ^ (plaintexts[1][at] ?? 0));
    const seen = first?.ciphertext.map((byte, at) => byte ^ (second?.ciphertext[at] ?? 0));
    assert.is(Buffer.compare(seen ?? differences, differences) === 0, each.suite !== 'A256GCMSIV', labelOf(each));
    // Sealed again, an equal plaintext is seen to be equal: that much RFC 8452 does not hide.
    assert.equal(each.seal(key, nonce, aad, plaintexts[0]), first);
  }
});

aead('a key is exactly 32 bytes', () => {
  for (const each of ALL_AEADS)
    for (const length of [0, 16, 24, 31, 33, 64])
      refuses(() => each.importKey(new Uint8Array(length)), `${labelOf(each)} ${length}`);
});

aead('a key serves only the suite and provider that imported it', () => {
  const [nonce, none] = [new Uint8Array(12), new Uint8Array(0)];
  for (const each of ALL_AEADS) {
    const forged = { suite: each.suite, provider: each.provider, free: () => undefined, toJSON: () => '' };
    const foreign = ALL_AEADS.filter((other) => other !== each).map((other) => other.importKey(random.bytes(32)));
    for (const key of [...foreign, forged]) {
      refuses(() => each.seal(key, nonce, none, none), `${labelOf(each)} seal`);
      refuses(() => each.open(key, nonce, none, none, new Uint8Array(16)), `${labelOf(each)} open`);
      refuses(() => each.sealInPlace(key, nonce, none, new Uint8Array(16), 0, 0), `${labelOf(each)} seal in place`);
      refuses(() => each.openInPlace(key, nonce, none, new Uint8Array(16), 0, 0), `${labelOf(each)} open in place`);
    }
  }
});

aead('an imported key does not change when its raw bytes are wiped', () => {
  for (const each of ALL_AEADS) {
    const raw = random.bytes(32);
    const [before, after] = [each.importKey(Uint8Array.from(raw)), each.importKey(raw)];
    raw.fill(0);
    const [nonce, none] = [new Uint8Array(12), new Uint8Array(0)];
    assert.equal(each.seal(after, nonce, none, none).tag, each.seal(before, nonce, none, none).tag);
  }
});

aead('sealing and opening leave their inputs as they were and return memory of their own', () => {
  for (const each of ALL_AEADS) {
    const key = each.importKey(random.bytes(32));
    const inputs = [random.bytes(12), random.bytes(24), random.bytes(100)] as const;
    const copies = inputs.map((input) => Uint8Array.from(input));
    const { ciphertext, tag } = each.seal(key, ...inputs);
    const sealedCopy = Uint8Array.from(ciphertext);
    const opened = each.open(key, inputs[0], inputs[1], ciphertext, tag);
    assert.equal([...inputs], copies);
    assert.equal(Uint8Array.from(ciphertext), sealedCopy);
    assert.is.not(opened?.buffer, ciphertext.buffer);
    assert.is.not(ciphertext.buffer, inputs[2].buffer);
  }
});

aead('node:crypto decrypts before it compares the tag: what it wrote for a forgery is wiped', () => {
  const node = selectAead('A256GCM', 'node');
  const key = node.importKey(random.bytes(32));
  const [nonce, none, plaintext] = [random.bytes(12), new Uint8Array(0), new Uint8Array(64).fill(7)];
  const { ciphertext, tag } = node.seal(key, nonce, none, plaintext);
  const prototype = Object.getPrototypeOf(createDecipheriv('aes-256-gcm', random.bytes(32), nonce));
  const { update } = prototype;
  const written: Uint8Array[] = [];
  prototype.update = function (...given: unknown[]) {
    const output = update.apply(this, given);
    written.push(output);
    return output;
  };
  try {
    assert.is(
      node.open(
        key,
        nonce,
        none,
        ciphertext,
        tag.map((byte) => byte ^ 1),
      ),
      null,
    );
  } finally {
    prototype.update = update;
  }
  assert.equal(
    written.map((bytes) => [bytes.length, bytes.some((byte) => byte !== 0)]),
    [[64, false]],
  );
});

aead('a freed key seals and opens nothing more, and may be freed again', () => {
  const [nonce, none] = [new Uint8Array(12), new Uint8Array(0)];
  for (const each of ALL_AEADS) {
    const key = each.importKey(random.bytes(32));
    key.free();
    key.free();
    const uses = [
      () => each.seal(key, nonce, none, none),
      () => each.open(key, nonce, none, none, new Uint8Array(16)),
      () => each.sealInPlace(key, nonce, none, new Uint8Array(16), 0, 0),
      () => each.openInPlace(key, nonce, none, new Uint8Array(16), 0, 0),
    ];
    for (const use of uses) refuses(use, labelOf(each), 'ERR_KEY_WIPED');
  }
});

aead('a key prints as [redacted]', () => {
  for (const each of ALL_AEADS) {
    const key = each.importKey(random.bytes(32));
    assert.is(inspect(key, { showHidden: true, depth: 9 }), '[redacted]');
    assert.is(JSON.stringify({ key }), '{"key":"[redacted]"}');
    assert.equal(Object.keys(key).sort(), ['provider', 'suite']);
  }
});

aead('a suite name off the wire or out of a configuration is one of ours or null', () => {
  for (const name of AEAD_SUITES) assert.is(parseSuite(name), name);
  for (const name of ['', 'a256gcm', 'A128GCM', '__proto__', 'constructor', 'toString', null, 1, {}, ['C20P']])
    assert.is(parseSuite(name), null, String(name));
});

aead('an unknown suite or provider cannot be selected', () => {
  // @ts-expect-error not a suite
  refuses(() => selectAead('A128GCM'), 'suite');
  // @ts-expect-error not a provider
  refuses(() => selectAead('A256GCM', 'webcrypto'), 'provider');
});

aead.run();
