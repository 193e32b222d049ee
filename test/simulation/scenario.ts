/** What a run consists of: a seed and, if it was shrunk, which of its steps and actors are left out. */

export interface Scenario {
  readonly seed: number;
  readonly steps: number;
  /** Numbers of steps that are left out; the others are as they would be with them. */
  readonly without: ReadonlySet<number>;
  /** Brokers, each with some of the domains at home. */
  readonly brokers: number;
  /** An AudioVM, a router and apps with their agents take part. */
  readonly hasAgents: boolean;
  /** Stream proxies and a mixer besides. */
  readonly hasProxies: boolean;
}

export const DEFAULT_STEPS = 40;

export function scenarioOf(
  seed: number,
  steps = DEFAULT_STEPS,
  without: Iterable<number> = [],
  brokers = 1,
  hasAgents = false,
  hasProxies = false,
): Scenario {
  return { seed, steps, without: new Set(without), brokers, hasAgents, hasProxies };
}

/** `3,7-9`, as on the command line. */
export function formatSteps(steps: ReadonlySet<number>): string {
  const sorted = [...steps].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const step of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === step - 1) last[1] = step;
    else ranges.push([step, step]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

/** @throws RangeError when it is no list of numbers and ranges */
export function parseSteps(text: string): Set<number> {
  const steps = new Set<number>();
  for (const part of text === '' ? [] : text.split(',')) {
    const match = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(part);
    if (match === null) throw new RangeError(`"${part}" is neither a step nor a range of steps such as 3-7`);
    const from = Number(match[1]);
    for (let step = from; step <= Number(match[2] ?? from); step++) steps.add(step);
  }
  return steps;
}

/** The command line that repeats a run. */
export function commandOf({ seed, steps, without, brokers, hasAgents, hasProxies }: Scenario): string {
  const left = without.size === 0 ? '' : ` --without ${formatSteps(without)}`;
  const homes = brokers === 1 ? '' : ` --brokers ${brokers}`;
  const agents = hasAgents ? ` --${hasProxies ? 'proxies' : 'agents'}` : '';
  return `npm run simulate --${agents} --seed ${seed} --steps ${steps}${homes}${left}`;
}
