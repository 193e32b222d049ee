/** Makes a failing scenario smaller: fewer steps at its end, then steps left out, as long as it fails in the same way. */

import { type Scenario, scenarioOf } from './scenario.ts';
import { type Report, type SimulationOptions, simulate } from './simulation.ts';

/** Runs that shrinking may take; each takes some tens of milliseconds. */
const MAX_RUNS = 300;

/** What a failure is recognised by: its invariant, not its numbers. */
function kindOf(failure: Error | null): string | null {
  return failure === null ? null : (failure.message.split(':')[0] ?? '');
}

export async function shrink(found: Report, options: SimulationOptions = {}): Promise<Report> {
  const kind = kindOf(found.failure);
  let best = found;
  let runs = 0;
  const attempt = async (scenario: Scenario): Promise<boolean> => {
    if (++runs > MAX_RUNS) return false;
    const report = await simulate(scenario, options);
    if (kindOf(report.failure) !== kind) return false;
    best = report;
    return true;
  };

  const { seed, brokers, hasAgents, hasProxies } = found.scenario;
  // By halves: the steps that a failure needs are rarely the last ones.
  for (let cut = best.scenario.steps >> 1; cut > 0; ) {
    const { steps, without } = best.scenario;
    if (steps <= cut || !(await attempt(scenarioOf(seed, steps - cut, without, brokers, hasAgents, hasProxies))))
      cut >>= 1;
  }
  for (let size = Math.max(1, best.scenario.steps >> 1); size > 0; size >>= 1) {
    for (let from = 0; from < best.scenario.steps; from += size) {
      const { steps, without } = best.scenario;
      const more = Array.from({ length: Math.min(size, steps - from) }, (_, index) => from + index);
      if (more.every((step) => without.has(step))) continue;
      await attempt(scenarioOf(seed, steps, [...without, ...more], brokers, hasAgents, hasProxies));
    }
  }
  return best;
}
