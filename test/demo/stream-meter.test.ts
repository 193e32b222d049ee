/** How long frames were under way, from what both ends have noted. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FastClock } from '../../clients/demo/audio/fast-clock.ts';
import { StreamMeter } from '../../clients/demo/audio/stream-meter.ts';

const latency = suite("the demo's stream meter");

latency('pairs the nth sent with the nth heard, whichever is told first', () => {
  const meter = new StreamMeter();
  meter.heard([1_500, 2_100], 3_528);
  meter.sent([1_000]);
  assert.equal(meter.summary(), { p50Micros: 500, p99Micros: 500 });
  meter.sent([2_000, 3_000]);
  assert.equal(meter.summary(), { p50Micros: 500, p99Micros: 500 });
  meter.heard([3_300], 5_292);
  assert.equal([meter.summary().p50Micros, meter.heardFrames, meter.heardBytes], [300, 3, 5_292]);
});

latency('the clock of 32 bits may turn over on the way', () => {
  const meter = new StreamMeter();
  meter.sent([2 ** 32 - 100]);
  meter.heard([150], 4);
  assert.is(meter.summary().p50Micros, 250);
});

latency('nothing yet is 0', () => assert.equal(new StreamMeter().summary(), { p50Micros: 0, p99Micros: 0 }));

latency('by the clock of --fast a frame has passed whenever somebody looks', () => {
  const clock = new FastClock();
  assert.equal([clock.now(), clock.now(), clock.now()], [10, 20, 30]);
});

latency.run();
