/** CPU time read from the outside, in the formats of two systems. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePsTime, parseStat, processCpuMicros } from '../../bench/throughput/process-cpu.ts';

const test = suite('bench: process CPU');

test('a process name with spaces and brackets does not shift the fields', () => {
  const stat = '42 (a) b (c)) S 1 42 42 0 -1 4194560 10 0 0 0 150 25 0 0 20 0 1 0 100 1000 10';
  assert.is(parseStat(stat), 1_750_000);
});

test('the time of ps is read with and without hours and days', () => {
  for (const [text, seconds] of [
    ['0:01.25', 1.25],
    ['  12:34.50\n', 754.5],
    ['01:02:03', 3723],
    ['2-01:02:03', 176_523],
  ] as const) {
    assert.is(parsePsTime(text), seconds * 1e6, text);
  }
});

test('the time of a living process is finite and never runs backwards', () => {
  const first = processCpuMicros(process.pid);
  const second = processCpuMicros(process.pid);
  assert.ok(Number.isFinite(first) && second >= first);
});

test('a process that is not there is an error, not zero', () => {
  assert.throws(() => processCpuMicros(2 ** 30));
});

test.run();
