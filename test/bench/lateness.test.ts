/** Which periods of sound the bench calls missed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lateness } from '../../bench/devices/sound-card/lateness.ts';

const lateness = suite('periods of sound that come back late');

for (const [what, times, expected] of [
  ['in time, and a little early', [20, 39, 60, 80], { missed: 0, latestMs: 0 }],
  ['late by less than a period, which drifts nowhere', [25, 59, 60, 80], { missed: 0, latestMs: 19 }],
  ['a whole period late', [20, 60, 80, 100], { missed: 1, latestMs: 20 }],
  ['three periods late, and in time from there', [20, 101, 121, 141], { missed: 3, latestMs: 61 }],
  ['late twice', [40, 80, 100, 140], { missed: 3, latestMs: 20 }],
] as const)
  lateness(what, () => {
    const seen = new Lateness(20, 0);
    for (const time of times) seen.back(time);
    assert.equal(seen.result(), expected);
  });

lateness.run();
