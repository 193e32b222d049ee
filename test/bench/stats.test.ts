/** Percentiles, medians and ratios: what every published figure goes through. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { median, percentile, ratio } from '../../bench/figures/stats.ts';

const test = suite('bench: stats');

test('a percentile is the nearest rank, whatever the order of the samples', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  for (const [q, expected] of [
    [0.01, 1],
    [0.5, 50],
    [0.99, 99],
    [1, 100],
  ] as const) {
    assert.is(percentile(hundred, q), expected, `q = ${q}`);
  }
  assert.is(percentile([7], 0.99), 7);
});

test('a percentile compares numbers as numbers and leaves the samples as they were', () => {
  const samples = [10, 9, 100];
  assert.is(percentile(samples, 0.5), 10);
  assert.equal(samples, [10, 9, 100]);
});

test('a median of an even number is the mean of the middle two', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
});

test('without samples there is no figure', () => {
  assert.ok(Number.isNaN(percentile([], 0.5)));
  assert.ok(Number.isNaN(median([])));
});

test('a ratio needs a baseline that is more than zero', () => {
  assert.is(ratio(6, 3), 2);
  assert.is(ratio(6, undefined), null);
  assert.is(ratio(6, 0), null);
  assert.is(ratio(6, Number.NaN), null);
  assert.is(ratio(Number.NaN, 3), null);
});

test.run();
