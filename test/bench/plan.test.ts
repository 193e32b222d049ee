/** The order of cells and the size of the window. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_ARMS } from '../../bench/arms/arm.ts';
import { FULL_PACE, MIN_ROUNDS, QUICK_PACE, turns, windowOf } from '../../bench/throughput/plan.ts';

const test = suite('bench: plan');

test('arms take turns within a size, and every other round runs backwards', () => {
  const order = turns(['nats', 'nats-tls'], [64, 1764], 2).map(({ round, size, arm }) => `${round} ${size} ${arm}`);
  assert.equal(order, [
    ...['0 64 nats', '0 64 nats-tls', '0 1764 nats', '0 1764 nats-tls'],
    ...['1 64 nats-tls', '1 64 nats', '1 1764 nats-tls', '1 1764 nats'],
  ]);
});

test('every pace has enough rounds for a median', () => {
  for (const pace of [FULL_PACE, QUICK_PACE]) assert.ok(pace.rounds >= MIN_ROUNDS);
});

test('a quick run spends less than 40 s in its cells, which leaves the rest of the 50 s for starting', () => {
  const cellMs = QUICK_PACE.settleMs * 1.5 + QUICK_PACE.throughputMs + QUICK_PACE.latencyMs;
  const warmMs = QUICK_PACE.settleMs * 1.5 + QUICK_PACE.warmupMs;
  assert.ok(DEFAULT_ARMS.length * 3 * (QUICK_PACE.rounds * cellMs + warmMs) < 40_000);
});

test('a full window always yields a note, else the sender would wait for ever', () => {
  for (const size of [1, 64, 1764, 65_536, 1_000_000]) {
    const { messages, quantum } = windowOf(size);
    assert.ok(quantum >= 1 && quantum <= messages, `${size} bytes`);
  }
});

test.run();
