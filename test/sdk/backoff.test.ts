import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Backoff } from '../../clients/sdk/engine/backoff.ts';
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS } from '../../clients/sdk/limits.ts';

const test = suite('sdk: backoff');
const ALMOST_ONE = 1 - Number.EPSILON;

test('the range doubles up to its cap', () => {
  const backoff = new Backoff(() => ALMOST_ONE);
  const waits = Array.from({ length: 10 }, () => backoff.next());
  assert.equal(waits.slice(0, 3), [BACKOFF_FIRST_MS - 1, 2 * BACKOFF_FIRST_MS - 1, 4 * BACKOFF_FIRST_MS - 1]);
  assert.is(waits.at(-1), BACKOFF_MAX_MS - 1);
});

test('the wait is drawn from the whole range', () => {
  assert.is(new Backoff(() => 0).next(), 0);
});

test('reset starts from the first range', () => {
  const backoff = new Backoff(() => ALMOST_ONE);
  for (let i = 0; i < 2000; i++) backoff.next();
  backoff.reset();
  assert.is(backoff.next(), BACKOFF_FIRST_MS - 1);
});

test.run();
