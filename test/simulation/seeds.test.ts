import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { commandOf, scenarioOf } from './scenario.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulation.ts';

const seeds = suite('a thousand short simulations');

/** The quick run sets PROPERTY_SHARE, and does with a few. */
const SEEDS = process.env.PROPERTY_SHARE === undefined ? 1_000 : 50;
const STEPS = 16;
/** A slow machine does fewer; each seed is judged alone, so that none is ever judged differently. */
const MAX_CPU_MS = 60_000;

seeds('no invariant is violated', async () => {
  const began = process.cpuUsage();
  let seed = 1;
  for (; seed <= SEEDS; seed++) {
    // Every fourth has two brokers, every seventh agents, every fourteenth all of them.
    const brokers = seed % 4 === 0 ? 2 : 1;
    const report = await simulate(scenarioOf(seed, STEPS, [], brokers, seed % 7 === 0, seed % 14 === 0));
    if (report.failure !== null) {
      const small = await shrink(report);
      assert.unreachable(`${small.failure?.message}\n${commandOf(small.scenario)}`);
    }
    const { user, system } = process.cpuUsage(began);
    if ((user + system) / 1_000 > MAX_CPU_MS) break;
  }
  assert.ok(seed > SEEDS / 20, `only ${seed} seeds in ${MAX_CPU_MS} ms of CPU time`);
});

seeds.run();
