/** Seeded inputs repeat, and the fuzz loop fails when it must. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from './random.ts';
import { fuzzUntil, SEED, seededRandom } from './seed.ts';

const seed = suite('seed');

seed('the same seed gives the same inputs, another one others', () => {
  assert.equal(new Random(7).bytes(32), new Random(7).bytes(32));
  assert.not.equal(new Random(7).bytes(32), new Random(8).bytes(32));
  assert.not.equal(seededRandom(1).bytes(32), seededRandom(2).bytes(32));
});

seed('numbers stay in range and reach both ends', () => {
  const random = new Random(1);
  const seen = new Set(Array.from({ length: 1_000 }, () => random.below(4)));
  assert.equal([...seen].sort(), [0, 1, 2, 3]);
});

seed('a mutant leaves the original untouched and usually differs from it', () => {
  const original = new Uint8Array(64).fill(5);
  const random = new Random(3);
  const mutants = Array.from({ length: 100 }, () => random.mutate(original));
  assert.equal(original, new Uint8Array(64).fill(5));
  assert.ok(mutants.filter((mutant) => Buffer.compare(mutant, original) !== 0).length > 80);
  assert.ok(mutants.some((mutant) => mutant.length < 64) && mutants.some((mutant) => mutant.length > 64));
});

seed('fuzzing goes on until its budget is spent, and at least once', async () => {
  assert.is(await fuzzUntil(() => {}, 0), 1);
  assert.ok((await fuzzUntil(() => {}, 0.02)) > 1);
});

seed('a step that throws fails with the round and the seed', async () => {
  try {
    await fuzzUntil((_random, round) => {
      if (round === 3) throw new Error('boom');
    }, 60);
  } catch (error) {
    assert.instance(error, Error);
    assert.match(String(error), `round 3 of seed ${SEED}: boom`);
    return;
  }
  assert.unreachable('the fuzz loop swallowed an error');
});

seed.run();
