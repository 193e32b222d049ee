/** AEAD in place: ranges, canaries, kinds of memory, forgeries; each provider against noble. */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Aead } from '../../../keys/aead/aead.ts';
import { loadInPlaceAeads } from '../../../keys/aead/in-place.ts';
import { OpenSsl } from '../../../keys/aead/openssl.ts';
import { allAeads, selectAead } from '../../../keys/aead/select.ts';
import { seeded, seededRandom } from '../../support/seed.ts';

const inPlace = suite('aead in place');
const random = seededRandom(2);
const TAG_BYTES = 16;
const CANARY = 0xc5;

function labelOf(each: Aead): string {
  return `${each.suite}/${each.provider}`;
}

function codeOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return null;
}

/** The result of noble, which is the reference: ciphertext and tag in one array. */
function reference(
  name: Aead['suite'],
  raw: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Buffer {
  const noble = selectAead(name, 'noble');
  const { ciphertext, tag } = noble.seal(noble.importKey(raw), nonce, aad, plaintext);
  return Buffer.concat([ciphertext, tag]);
}

/** The kinds of memory that records lie in; each of at least `length` bytes. */
const MEMORIES: readonly (readonly [string, (length: number) => Uint8Array])[] = [
  ['a buffer of its own', (length) => new Uint8Array(length)],
  ['a part of a pooled Buffer', (length) => Buffer.allocUnsafe(length)],
  ['shared memory', (length) => new Uint8Array(new SharedArrayBuffer(length))],
  ['a view in the middle of a larger buffer', (length) => new Uint8Array(new ArrayBuffer(length + 64), 33, length)],
  ['a view in the middle of shared memory', (length) => new Uint8Array(new SharedArrayBuffer(length + 64), 7, length)],
];

inPlace('any range of any memory gives what noble gives, and no byte around it changes', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(
      fc.constantFrom(...allAeads()),
      fc.constantFrom(...MEMORIES),
      bytes(32),
      bytes(12),
      fc.uint8Array({ maxLength: 100 }),
      fc.uint8Array({ maxLength: 400 }),
      fc.nat(70),
      fc.nat(70),
      (each, [label, allocate], raw, nonce, aad, plaintext, before, after) => {
        const { length } = plaintext;
        const expected = reference(each.suite, raw, nonce, aad, plaintext);
        const memory = allocate(before + length + TAG_BYTES + after).fill(CANARY);
        const range = memory.subarray(before, before + length + TAG_BYTES);
        const around = () => [...memory.subarray(0, before), ...memory.subarray(before + length + TAG_BYTES)];
        const key = each.importKey(raw);

        memory.set(plaintext, before);
        each.sealInPlace(key, nonce, aad, memory, before, length);
        assert.is(Buffer.compare(range, expected), 0, `${labelOf(each)} seals in ${label}`);
        assert.ok(each.openInPlace(key, nonce, aad, memory, before, length), `${labelOf(each)} opens in ${label}`);
        assert.is(Buffer.compare(range.subarray(0, length), plaintext), 0, label);
        assert.ok(
          around().every((byte) => byte === CANARY),
          `${labelOf(each)} in ${label} wrote outside of its range`,
        );
        key.free();
      },
    ),
    seeded({ numRuns: 400 }),
  );
});

inPlace('a forgery opens to nothing, and the range holds zeros and no plaintext', () => {
  for (const each of allAeads()) {
    const raw = random.bytes(32);
    const [nonce, aad, plaintext] = [random.bytes(12), random.bytes(24), random.bytes(64)];
    const key = each.importKey(raw);
    const sealed = reference(each.suite, raw, nonce, aad, plaintext);
    const forgeries: readonly (readonly [string, number, Uint8Array, Uint8Array])[] = [
      ['ciphertext', 5, nonce, aad],
      ['last byte of the tag', sealed.length - 1, nonce, aad],
      ['another aad', -1, nonce, random.bytes(24)],
      ['another nonce', -1, random.bytes(12), aad],
      ['a nonce of another length', -1, nonce.subarray(1), aad],
    ];
    for (const [label, at, usedNonce, usedAad] of forgeries) {
      const memory = Buffer.concat([Buffer.alloc(8, CANARY), sealed, Buffer.alloc(8, CANARY)]);
      if (at >= 0) memory.writeUInt8(memory.readUInt8(8 + at) ^ 1, 8 + at);
      assert.not(each.openInPlace(key, usedNonce, usedAad, memory, 8, plaintext.length), `${labelOf(each)}: ${label}`);
      const zeros = memory.subarray(8, 8 + plaintext.length);
      assert.ok(
        zeros.every((byte) => byte === 0),
        `${labelOf(each)}: ${label} leaves bytes behind`,
      );
      assert.is(memory.readUInt8(7), CANARY);
      assert.is(memory.readUInt8(memory.length - 8), CANARY);
    }
    const memory = Buffer.from(sealed);
    assert.ok(each.openInPlace(key, nonce, aad, memory, 0, plaintext.length), `${labelOf(each)} opens after forgeries`);
    key.free();
  }
});

inPlace('a range that does not lie inside the memory is refused, and nothing is written', () => {
  const ranges: readonly (readonly [number, number])[] = [
    [0, 85], // the tag would be one byte too far
    [1, 84],
    [85, 0],
    [100, 0],
    [101, 0],
    [-1, 10],
    [0, -1],
    [0, -16],
    [50, -40],
    [0.5, 10],
    [0, 1.5],
    [Number.NaN, 10],
    [0, Number.NaN],
    [0, Number.POSITIVE_INFINITY],
    [2 ** 53, 0],
    [0, 2 ** 31],
    [0, 2 ** 32],
    [-(2 ** 53), 2 ** 53],
  ];
  for (const each of allAeads()) {
    const key = each.importKey(random.bytes(32));
    const [nonce, aad] = [random.bytes(12), random.bytes(24)];
    const backing = new Uint8Array(300).fill(CANARY);
    const memory = backing.subarray(100, 200);
    for (const [start, length] of ranges) {
      const label = `${labelOf(each)} ${start} ${length}`;
      assert.is(
        codeOf(() => each.sealInPlace(key, nonce, aad, memory, start, length)),
        'ERR_KEY_AEAD_USAGE',
        label,
      );
      assert.is(
        codeOf(() => each.openInPlace(key, nonce, aad, memory, start, length)),
        'ERR_KEY_AEAD_USAGE',
        label,
      );
    }
    assert.ok(
      backing.every((byte) => byte === CANARY),
      labelOf(each),
    );
    assert.is(
      codeOf(() => each.sealInPlace(key, nonce, aad, memory, 0, 84)),
      null,
    );
    assert.is(
      codeOf(() => each.sealInPlace(key, nonce.subarray(1), aad, memory, 0, 84)),
      'ERR_KEY_AEAD_USAGE',
    );
    key.free();
  }
});

inPlace('memory that was transferred away is refused: its address is not used again', () => {
  for (const each of allAeads()) {
    const key = each.importKey(random.bytes(32));
    const [nonce, aad] = [random.bytes(12), random.bytes(24)];
    const memory = new Uint8Array(200);
    each.sealInPlace(key, nonce, aad, memory, 0, 100);
    const moved = structuredClone(memory, { transfer: [memory.buffer] });
    assert.is(
      codeOf(() => each.sealInPlace(key, nonce, aad, memory, 0, 100)),
      'ERR_KEY_AEAD_USAGE',
      labelOf(each),
    );
    assert.is(
      codeOf(() => each.openInPlace(key, nonce, aad, memory, 0, 100)),
      'ERR_KEY_AEAD_USAGE',
      labelOf(each),
    );
    assert.ok(each.openInPlace(key, nonce, aad, moved, 0, 100), labelOf(each));
    key.free();
  }
});

inPlace('what is no byte array is refused before native code sees it', () => {
  const aead = selectAead('A256GCM', 'in-place');
  const key = aead.importKey(random.bytes(32));
  const [nonce, aad] = [random.bytes(12), random.bytes(24)];
  for (const wrong of [{ byteLength: 64, byteOffset: 0, buffer: new ArrayBuffer(64) }, [1, 2, 3], 'text', null]) {
    const bytes = wrong as unknown as Uint8Array;
    assert.is(
      codeOf(() => aead.sealInPlace(key, nonce, aad, bytes, 0, 0)),
      'ERR_KEY_AEAD_USAGE',
    );
    assert.is(
      codeOf(() => aead.openInPlace(key, nonce, aad, bytes, 0, 0)),
      'ERR_KEY_AEAD_USAGE',
    );
  }
});

inPlace('a whole record, associated data in the same buffer, and many keys at once', () => {
  for (const name of ['A256GCM', 'C20P'] as const) {
    const aead = selectAead(name, 'in-place');
    const chunk = Buffer.allocUnsafeSlow(24 + 65_536 + TAG_BYTES);
    const plaintext = Buffer.from(random.bytes(65_536));
    const raws = Array.from({ length: 50 }, () => random.bytes(32));
    const keys = raws.map((raw) => aead.importKey(raw));
    const nonce = random.bytes(12);
    keys.forEach((key, at) => {
      chunk.fill(at, 0, 24);
      const header = chunk.subarray(0, 24);
      plaintext.copy(chunk, 24);
      aead.sealInPlace(key, nonce, header, chunk, 24, plaintext.length);
      const raw = raws[at];
      if (at === 7 && raw) assert.ok(chunk.subarray(24).equals(reference(name, raw, nonce, header, plaintext)));
      assert.ok(aead.openInPlace(key, nonce, header, chunk, 24, plaintext.length));
      assert.ok(chunk.subarray(24, 24 + plaintext.length).equals(plaintext));
    });
    for (const key of keys) key.free();
  }
});

inPlace('a record costs no memory: neither on the heap nor outside', () => {
  const aead = selectAead('A256GCM', 'in-place');
  const key = aead.importKey(random.bytes(32));
  const [nonce, header] = [random.bytes(12), random.bytes(24)];
  const chunk = new Uint8Array(2048);
  const rounds = 20_000;
  const run = () => {
    for (let round = 0; round < rounds; round += 1) {
      aead.sealInPlace(key, nonce, header, chunk, 24, 1764);
      aead.openInPlace(key, nonce, header, chunk, 24, 1764);
    }
  };
  run(); // first, so that the compiler has optimised it
  const before = process.memoryUsage();
  run();
  const after = process.memoryUsage();
  // A Uint8Array that was made per record would be about 100 bytes; other parts of the process allocate a little.
  assert.ok((after.heapUsed - before.heapUsed) / rounds < 32, `${(after.heapUsed - before.heapUsed) / rounds} bytes`);
  assert.ok((after.arrayBuffers - before.arrayBuffers) / rounds < 16);
  key.free();
});

inPlace('where koffi or OpenSSL is missing, the reason is said and nothing is thrown', () => {
  const notInstalled = Object.assign(new Error("Cannot find module 'koffi'\nRequire stack: …"), {
    code: 'MODULE_NOT_FOUND',
  });
  const missing: readonly (readonly [string, unknown, string])[] = [
    ['not installed', notInstalled, 'koffi is not installed here'],
    ['no function', new Error("Cannot find function 'EVP_CipherInit_ex' in shared library"), 'Cannot find function'],
    ['something odd', 'text', 'koffi cannot be loaded'],
  ];
  for (const [label, error, expected] of missing) {
    const result = loadInPlaceAeads(
      () =>
        new OpenSsl(() => {
          throw error;
        }),
    );
    assert.not(result.isLoaded, label);
    assert.ok(!result.isLoaded && result.reason.startsWith(expected), label);
  }
});

inPlace.run();
