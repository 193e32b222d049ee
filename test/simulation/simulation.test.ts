import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Invariant, Violation } from './models/invariant.ts';
import { commandOf, DEFAULT_STEPS, formatSteps, parseSteps, scenarioOf } from './scenario.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulation.ts';

const simulation = suite('simulation');

const SEEDS_FROM = 100_000;
const SEEDS = 20;

async function logOf(seed: number, brokers = 1, hasAgents = false, hasProxies = false): Promise<string> {
  const log: string[] = [];
  const { digest, failure } = await simulate(scenarioOf(seed, DEFAULT_STEPS, [], brokers, hasAgents, hasProxies), {
    onLine: (line) => void log.push(line),
  });
  assert.is(failure, null);
  return log.join('') + digest;
}

simulation('a seed gives the same bytes of log each time', async () => {
  for (const seed of [1, 2]) assert.is(await logOf(seed), await logOf(seed));
  assert.is.not(await logOf(1), await logOf(2));
  assert.is(await logOf(1, 2), await logOf(1, 2));
  assert.is(await logOf(3, 1, true), await logOf(3, 1, true));
  assert.is(await logOf(3, 1, true, true), await logOf(3, 1, true, true));
});

simulation('a few seeds find nothing', async () => {
  for (let seed = SEEDS_FROM; seed < SEEDS_FROM + SEEDS; seed++) {
    const { failure, scenario } = await simulate(scenarioOf(seed));
    assert.is(failure, null, `${failure?.message}\n${commandOf(scenario)}`);
  }
});

/** No guest may be killed, says a test. */
class NobodyIsKilled implements Invariant {
  readonly name = 'nobody is killed';

  guestKilled(guest: string): void {
    if (guest.startsWith('vm-')) throw new Violation(this.name, guest);
  }
}

/** Seeds that found a fault of an agent, as they were shrunk. */
const FOUND: readonly (readonly [label: string, seed: number, steps: number, without: string, brokers: number])[] = [
  ['frames that waited for a session do not mute what comes after it', 9, 40, '0-19,21-23,25,30-34,37-38', 1],
  ['a DHCP server that did not start gives out nothing', 20001, 33, '0-7,10,12-23,32', 2],
  ['a denial that comes late does not mute a VM under the next policy', 458, 34, '0-19,23-31', 1],
  ['an AudioVM that starts again at once is told who listens', 148, 15, '0-2', 1],
  ['a code that comes with a grant does not take the grant back', 215, 30, '', 1],
];
for (const [label, seed, steps, without, brokers] of FOUND)
  simulation(`agents: ${label}`, async () => {
    const { failure } = await simulate(scenarioOf(seed, steps, parseSteps(without), brokers, true));
    assert.is(failure, null);
  });

simulation('a scenario that fails is shrunk to the step that it takes, and repeats from its command line', async () => {
  const options = () => ({ invariants: [new NobodyIsKilled()] });
  const found = await simulate(scenarioOf(5, 200), options());
  assert.match(String(found.failure), 'nobody is killed');
  const small = await shrink(found, { invariants: [new NobodyIsKilled()] });
  assert.match(String(small.failure), 'nobody is killed');
  const { steps, without } = small.scenario;
  assert.is(steps - without.size, 1, commandOf(small.scenario));
  assert.is(commandOf(scenarioOf(7, 16, [], 2, true)), 'npm run simulate -- --agents --seed 7 --steps 16 --brokers 2');
  assert.is(commandOf(scenarioOf(7, 16, [], 1, true, true)), 'npm run simulate -- --proxies --seed 7 --steps 16');
  const [, steps_ = '', left = ''] = /--steps (\d+)(?: --without (\S+))?$/.exec(commandOf(small.scenario)) ?? [];
  const again = await simulate(scenarioOf(small.scenario.seed, Number(steps_), parseSteps(left)), options());
  assert.is(again.digest, small.digest);
  assert.is(String(again.failure), String(small.failure));
});

simulation('steps that are left out are written as ranges and read again', () => {
  const steps = new Set([1, 2, 3, 7, 9, 10]);
  assert.is(formatSteps(steps), '1-3,7,9-10');
  assert.equal(parseSteps('1-3,7,9-10'), steps);
  assert.equal(parseSteps(''), new Set());
  for (const text of ['x', '1-', '1,,2', '-3']) assert.throws(() => parseSteps(text), RangeError);
});

simulation.run();
