/** The two ways to SHA-256 of `verify`: both write the same bytes, and neither writes others. */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fastest, HASH_BYTES, nodeSha256, openSha256, type Sha256 } from '../../../broker/audit/sha256.ts';
import { seededRandom } from '../../support/seed.ts';

const sha = suite('audit sha256');
const koffi: typeof Koffi = createRequire(import.meta.url)('koffi');
const fast = fastest(() => koffi);
const BOTH: readonly (readonly [string, Sha256])[] = [
  ['node', nodeSha256],
  ['in place', fast],
];

sha('this machine has the fast one', () => {
  assert.is.not(fast, nodeSha256);
  assert.is.not(openSha256(), nodeSha256);
});

for (const [name, sha256] of BOTH) {
  sha(`${name}: a hash is written at its place, and no other byte`, () => {
    const random = seededRandom(5);
    const source = Buffer.from(Array.from({ length: 3_000 }, () => random.below(256)));
    for (let length = 0; length < 1_200; length += 1 + random.below(9)) {
      const [from, at] = [random.below(1_000), random.below(200)];
      const output = new Uint8Array(300).fill(7);
      sha256.digest(source, from, from + length, output, at);
      const expected = new Uint8Array(300).fill(7);
      expected.set(
        createHash('sha256')
          .update(source.subarray(from, from + length))
          .digest(),
        at,
      );
      assert.equal(output, expected);
    }
  });

  sha(`${name}: the result may overwrite its own input`, () => {
    const both = Buffer.alloc(65, 3);
    const expected = createHash('sha256').update(both).digest();
    sha256.digest(both, 0, 65, both, 33);
    assert.equal(Buffer.compare(both.subarray(33), expected), 0);
    assert.equal(Buffer.compare(both.subarray(0, 33), Buffer.alloc(33, 3)), 0);
  });

  sha(`${name}: small arrays and views of shared pools have their own places`, () => {
    for (let round = 0; round < 50; round++) {
      const [small, pooled] = [new Uint8Array([1, 2, 3]), Buffer.from('abc')];
      const [one, other] = [new Uint8Array(HASH_BYTES), new Uint8Array(HASH_BYTES)];
      sha256.digest(small, 0, 3, one, 0);
      sha256.digest(pooled, 0, 3, other, 0);
      assert.equal(Buffer.compare(one, createHash('sha256').update(small).digest()), 0);
      assert.equal(Buffer.compare(other, createHash('sha256').update('abc').digest()), 0);
    }
  });
}

sha('a range outside of its memory is refused before anything is read or written', () => {
  const [source, output] = [new Uint8Array(100), new Uint8Array(40)];
  const detached = new Uint8Array(100);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const calls: readonly (readonly [Uint8Array, number, number, Uint8Array, number])[] = [
    [source, -1, 10, output, 0],
    [source, 0, 101, output, 0],
    [source, 20, 10, output, 0],
    [source, 0.5, 10, output, 0],
    [source, 0, Number.NaN, output, 0],
    [source, 0, 10, output, 9],
    [source, 0, 10, output, -1],
    [source, 0, 10, output, 0.5],
    [detached, 0, 1, output, 0],
    [source, 0, 1, detached, 0],
  ];
  for (const [from, start, end, to, at] of calls)
    assert.throws(
      () => fast.digest(from, start, end, to, at),
      (error: unknown) => error instanceof RangeError,
    );
  assert.equal(output, new Uint8Array(40));
});

sha('where koffi or OpenSSL is missing, and where it answers otherwise, node:crypto hashes', () => {
  const missing = (): never => {
    throw Object.assign(new Error("Cannot find module 'koffi'"), { code: 'MODULE_NOT_FOUND' });
  };
  assert.is(fastest(missing), nodeSha256);
  const without = { load: () => ({ func: () => missing() }) } as unknown as typeof Koffi;
  assert.is(
    fastest(() => without),
    nodeSha256,
  );
  // SHA-224 has the same functions and a result of its own.
  const other = {
    ...koffi,
    load: (path: string | null) => {
      const node = koffi.load(path);
      return { func: (declaration: string) => node.func(declaration.replace('SHA256_Init', 'SHA224_Init')) };
    },
  } as unknown as typeof Koffi;
  assert.is(
    fastest(() => other),
    nodeSha256,
  );
});

sha.run();
