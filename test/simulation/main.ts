/** `npm run simulate`: replays one scenario, or searches for one that fails and shrinks it. */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { commandOf, DEFAULT_STEPS, parseSteps, type Scenario, scenarioOf } from './scenario.ts';
import { shrink } from './shrink.ts';
import { type Report, simulate } from './simulation.ts';

const HELP = `usage: npm run simulate -- --seed N [--steps M] [--brokers B] [--agents | --proxies] [--without LIST] [--log] [--json]
       npm run simulate -- --minutes M [--seed N] [--steps M] [--brokers B] [--agents | --proxies] [--json]

Runs brokers and guests in one process on a simulated clock, network and disk. A seed decides everything: the same
command gives the same bytes of log. After each event all invariants are checked (docs/simulation.md).

  --seed N         the scenario to run; with --minutes the first one of the search (default: random)
  --steps M        how many steps it has (default ${DEFAULT_STEPS})
  --brokers B      how many brokers there are, each the home of some domains (default 1)
  --agents         an AudioVM, a router and apps with their agents take part
  --proxies        stream proxies and a mixer besides
  --without LIST   steps that are left out, such as 3,7-9: a shrunk scenario names them
  --minutes M      search for so long, from one seed to the next; a seed that fails is shrunk and ends the search
  --log            print the log of the run
  --json           the last line is a JSON object
  --help           this text

Exit code: 0 nothing was found, 1 an invariant was violated, 2 the command line makes no sense.
`;

const MS_PER_MINUTE = 60_000;
const PROGRESS_MS = 5_000;
const MAX_SEED = 2 ** 31;
const MAX_BROKERS = 5;

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      seed: { type: 'string' },
      steps: { type: 'string', default: String(DEFAULT_STEPS) },
      brokers: { type: 'string', default: '1' },
      agents: { type: 'boolean', default: false },
      proxies: { type: 'boolean', default: false },
      without: { type: 'string', default: '' },
      minutes: { type: 'string' },
      log: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const steps = numberOf('--steps', values.steps, 1, 100_000);
  if (values.seed === undefined && values.minutes === undefined)
    throw new RangeError('say --seed N, or --minutes M to search; --help tells more');
  const seed = values.seed === undefined ? randomInt(MAX_SEED) : numberOf('--seed', values.seed, 0, MAX_SEED);
  const brokers = numberOf('--brokers', values.brokers, 1, MAX_BROKERS);
  const { proxies } = values;
  const agents = values.agents || proxies;
  const report =
    values.minutes === undefined
      ? await replay(scenarioOf(seed, steps, parseSteps(values.without), brokers, agents, proxies), values.log)
      : await search(
          scenarioOf(seed, steps, [], brokers, agents, proxies),
          numberOf('--minutes', values.minutes, 0.01, 10_000, false),
        );
  if (values.json) process.stdout.write(`${JSON.stringify(jsonOf(report))}\n`);
  return report.failure === null ? 0 : 1;
}

async function replay(scenario: Scenario, isLogged: boolean): Promise<Report> {
  const report = await simulate(scenario, isLogged ? { onLine: (line) => void process.stdout.write(line) } : {});
  print(`seed ${scenario.seed}: ${report.turns} events, ${report.deliveries} messages delivered, log ${report.digest}`);
  if (report.failure !== null) print(`FAIL  ${report.failure.stack ?? report.failure.message}`);
  return report;
}

async function search(from: Scenario, minutes: number): Promise<Report> {
  const { seed: first } = from;
  const end = performance.now() + minutes * MS_PER_MINUTE;
  let told = performance.now();
  let seed = first;
  for (; ; seed = (seed + 1) % MAX_SEED) {
    const report = await simulate({ ...from, seed });
    if (report.failure !== null) return explain(report);
    const now = performance.now();
    if (now >= end) {
      print(`${seed - first + 1} seeds from ${first} on, nothing found`);
      return report;
    }
    if (now - told < PROGRESS_MS) continue;
    told = now;
    print(`${seed - first + 1} seeds, ${Math.ceil((end - now) / 1_000)} s left`);
  }
}

async function explain(found: Report): Promise<Report> {
  print(`FAIL  ${found.failure?.message}\n      ${commandOf(found.scenario)}\nshrinking ...`);
  const small = await shrink(found);
  print(`FAIL  ${small.failure?.message}\n      ${commandOf(small.scenario)}`);
  return small;
}

function jsonOf({ scenario, digest, turns, deliveries, failure }: Report): object {
  const { seed, steps, without, brokers, hasAgents, hasProxies } = scenario;
  const outcome = { digest, turns, deliveries, failure: failure?.message ?? null };
  return {
    seed,
    steps,
    brokers,
    agents: hasAgents,
    proxies: hasProxies,
    without: [...without].sort((a, b) => a - b),
    ...outcome,
    command: commandOf(scenario),
  };
}

/** @throws RangeError */
function numberOf(option: string, text: string, min: number, max: number, isWhole = true): number {
  const value = Number(text);
  if (text !== '' && value >= min && value <= max && (!isWhole || Number.isInteger(value))) return value;
  throw new RangeError(`${option} "${text}": expected ${isWhole ? 'an integer' : 'a number'} of ${min} … ${max}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`simulate: ${message}\n`);
    process.exitCode = 2;
  },
);
