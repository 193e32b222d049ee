/** `npm run bench`: Argus against its peers, in one run on one machine. Figures to stdout, progress to stderr. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { SoundServerKind } from '../test/support/audio/sound-daemons.ts';
import { ARM_NAMES, type ArmName, DEFAULT_ARMS } from './arms/arm.ts';
import { runConsole } from './audit/console.ts';
import { renderAudit, runAudit } from './audit/run.ts';
import { Cleanup } from './cleanup.ts';
import { DEVICE_KINDS, type DeviceKind, FULL_DEVICES, QUICK_DEVICES, runDevices } from './devices/run.ts';
import { renderDevices } from './devices/table.ts';
import { ATTACKS, KINDS, type Kind } from './fairness/kinds.ts';
import type { Niceness } from './fairness/niceness.ts';
import { type FairnessRequest, FULL_FAIRNESS, QUICK_FAIRNESS, runFairness } from './fairness/run.ts';
import { renderFairness } from './fairness/table.ts';
import { before, type Entry, entryOf, regressions, save } from './figures/history.ts';
import { copySpeed, limitsOf, opensslSpeed } from './figures/limit.ts';
import { renderLimits, renderReport } from './figures/table.ts';
import { renderPolicySizes, runPolicySizes } from './policy/policy-size.ts';
import { renderPolicyChanges, runPolicyChanges } from './policy/run.ts';
import { renderRevocations, runRevocations } from './revocations.ts';
import { FULL_SOUND, QUICK_SOUND, runSound } from './sound/run.ts';
import { renderSound } from './sound/table.ts';
import { DEFAULT_SIZES, FULL_PACE, MAX_SIZE_BYTES, MIN_ROUNDS, QUICK_PACE } from './throughput/plan.ts';
import { run } from './throughput/run.ts';

/** 128 + SIGINT, as shells report it. */
const EXIT_INTERRUPTED = 130;
/** A process each: more measure the scheduler and nothing else. */
const MAX_ATTACKERS = 64;
const BUILT_PROGRAM = fileURLToPath(new URL('../dist/clients/cli/main.js', import.meta.url));

interface Options {
  readonly quick: boolean;
  readonly json: boolean;
  readonly limit: boolean;
  readonly save: boolean;
  readonly policyRows: boolean;
  readonly policy: boolean;
  readonly revocations: boolean;
  readonly audit: boolean;
  readonly console: boolean;
  readonly records?: number;
  readonly fairness: boolean;
  readonly devices: boolean;
  readonly kinds?: readonly DeviceKind[];
  readonly sound: boolean;
  readonly minutes?: number;
  readonly audioVm?: SoundServerKind;
  readonly attacks: readonly Kind[];
  readonly attackers?: readonly number[];
  readonly attackersNice: Niceness;
  readonly arms: readonly ArmName[];
  readonly sizes: readonly number[];
  readonly rounds?: number;
}

const program = new Command('npm run bench --')
  .description('delivered messages/s, broker CPU per message and request/reply latency of Argus and its peers')
  .option('--quick', 'under 50 s in total; the figures are coarser', false)
  .option('--json', 'print one JSON object instead of tables', false)
  .option('--limit', 'also: the physical limit of this machine, and the distance of the broker from it', false)
  .option('--save', 'also: keep the ratios of this version in bench/history', false)
  .option('--policy-rows', 'instead: throughput of Argus under a policy of 10 and of 10 000 rows', false)
  .option('--policy', 'instead: what is promised of policies and their changes, and peers that do the same', false)
  .option('--revocations', 'instead: how soon the sessions of a revoked key end, on each carrier', false)
  .option(
    '--audit',
    'instead: verifying a log, indexing it, questions to the index, readers of a live log (needs DuckDB)',
    false,
  )
  .option('--console', 'instead: the page of argus console on a long log (needs chromium)', false)
  .option('--records <n>', 'with --audit or --console: the length of the log', (text) =>
    parseWhole(text, 1, 100_000_000),
  )
  .option(
    '--fairness',
    'instead: what an innocent pair of VMs feels of each attack, and what it costs the broker',
    false,
  )
  .option(
    '--devices',
    'instead: vsock, network and ivshmem between two guests, next to the unprotected ways, and a sound card',
    false,
  )
  .option(
    '--kinds <names>',
    `with --devices: comma-separated, of ${DEVICE_KINDS.join(', ')} (default: all)`,
    parseKinds,
  )
  .option('--sound', 'instead: gaps, breaks and latency of what guests play (needs PulseAudio and PipeWire)', false)
  .option('--minutes <n>', 'how long each guest plays (default: 10 with --sound, 1 with --devices)', (text) =>
    parseWhole(text, 1, 1_440),
  )
  .addOption(new Option('--audio-vm <server>', 'with --sound: of the AudioVM').choices(['pulseaudio', 'pipewire']))
  .addOption(
    new Option('--attacks <names>', `with --fairness: comma-separated, of ${KINDS.map(({ name }) => name).join(', ')}`)
      .argParser(parseAttacks)
      .default(KINDS, 'all'),
  )
  .option('--attackers <numbers>', 'with --fairness: how many at a time, comma-separated', parseAttackers)
  .option(
    '--attackers-nice <n>',
    'with --fairness: 0 to 19, or idle; with idle they have the processor time that broker and pair leave',
    (text) => (text === 'idle' ? text : parseWhole(text, 0, 19)),
    0 as Niceness,
  )
  .option('--arms <names>', `comma-separated, of ${ARM_NAMES.join(', ')}`, parseArms, DEFAULT_ARMS)
  .option('--sizes <bytes>', 'comma-separated message sizes', parseSizes, DEFAULT_SIZES as readonly number[])
  .option('--rounds <n>', `at least ${MIN_ROUNDS}`, parseRounds)
  .showHelpAfterError();

await bench(program.parse().opts<Options>());

async function bench(options: Options): Promise<void> {
  const cleanup = new Cleanup();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void cleanup.run().then(() => process.exit(EXIT_INTERRUPTED)));
  }
  const folder = await mkdtemp(join(tmpdir(), 'argus-bench-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  try {
    const pace = options.quick ? QUICK_PACE : FULL_PACE;
    const request = {
      sizes: options.sizes,
      pace: { ...pace, rounds: options.rounds ?? pace.rounds },
      folder,
      cleanup,
      progress: (line: string) => void process.stderr.write(`bench: ${line}\n`),
    };
    if (options.fairness) {
      await fairness(options, { folder, cleanup, progress: request.progress });
      return;
    }
    if (options.devices) {
      const { minutes, kinds } = options;
      const plan = planOf(options.quick ? QUICK_DEVICES : FULL_DEVICES, { minutes, kinds });
      const report = await runDevices(folder, plan, cleanup, request.progress);
      process.stdout.write(`${options.json ? JSON.stringify(report) : renderDevices(report)}\n`);
      return;
    }
    if (options.sound) {
      const { minutes, audioVm } = options;
      const plan = planOf(options.quick ? QUICK_SOUND : FULL_SOUND, { minutes, audioVm });
      const report = await runSound(folder, plan, cleanup, request.progress);
      process.stdout.write(`${options.json ? JSON.stringify(report) : renderSound(report)}\n`);
      return;
    }
    if (options.policy) {
      const { cleanup: ends, progress } = request;
      const report = await runPolicyChanges({ folder, cleanup: ends, progress, isQuick: options.quick });
      process.stdout.write(`${options.json ? JSON.stringify(report) : renderPolicyChanges(report)}\n`);
      return;
    }
    if (options.revocations) {
      const { cleanup: ends, progress } = request;
      const figures = await runRevocations({ folder, cleanup: ends, progress, isQuick: options.quick });
      process.stdout.write(`${options.json ? JSON.stringify(figures) : renderRevocations(figures)}\n`);
      return;
    }
    if (options.console) {
      const { progress } = request;
      process.stdout.write(
        `${JSON.stringify(await runConsole({ folder, progress, records: options.records }), null, 2)}\n`,
      );
      return;
    }
    if (options.audit) {
      const { records, quick: isQuick, json } = options;
      const length = records === undefined ? {} : { records };
      const { progress } = request;
      const report = await runAudit({ folder, isQuick, cleanup, progress, ...length });
      process.stdout.write(`${json ? JSON.stringify(report) : renderAudit(report)}\n`);
      return;
    }
    if (options.policyRows) {
      const sizes = await runPolicySizes(request);
      process.stdout.write(`${options.json ? JSON.stringify(sizes) : renderPolicySizes(sizes)}\n`);
      return;
    }
    const arms = options.limit ? [...new Set<ArmName>([...options.arms, 'argus-unix', 'raw-relay'])] : options.arms;
    const report = await run({ ...request, arms });
    const limits = options.limit ? await limitsOf(report, opensslSpeed, copySpeed()) : [];
    const text = [renderReport(report, arms), ...(options.limit ? [renderLimits(limits)] : [])].join('\n');
    process.stdout.write(`${options.json ? JSON.stringify({ ...report, limits }) : text}\n`);
    await compareWithHistory(options, entryOf(await packageVersion(), report, limits), request.progress);
    if (report.failed.length > 0) process.exitCode = 1;
  } finally {
    await cleanup.run();
  }
}

/** With what the command line says of it; what it does not say is undefined. */
function planOf<Plan extends object>(plan: Plan, said: { readonly [Key in keyof Plan]?: Plan[Key] | undefined }): Plan {
  return { ...plan, ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) };
}

/** Says what is notably worse than in the release before, and keeps this run on request. */
async function compareWithHistory(
  { save: isSaved }: Options,
  entry: Entry,
  say: (line: string) => void,
): Promise<void> {
  const then = await before(entry.version);
  if (then !== null) for (const line of regressions(entry, then)) say(`worse than the release before: ${line}`);
  if (isSaved) say(`saved ${await save(entry)}`);
}

async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return String(JSON.parse(text).version);
}

async function fairness(
  { quick, json, rounds, attacks: kinds, attackers, attackersNice }: Options,
  place: Pick<FairnessRequest, 'folder' | 'cleanup' | 'progress'>,
): Promise<void> {
  const pace = quick ? QUICK_FAIRNESS : FULL_FAIRNESS;
  const report = await runFairness({
    ...place,
    kinds: kinds.map(({ name, counts }) => ({ name, counts: name in ATTACKS ? (attackers ?? counts) : counts })),
    pace: { ...pace, rounds: rounds ?? pace.rounds },
    program: [BUILT_PROGRAM],
    attackersNice,
  });
  process.stdout.write(`${json ? JSON.stringify(report) : renderFairness(report.attacks)}\n`);
}

function parseAttacks(text: string): readonly Kind[] {
  const names = namesIn(
    text,
    KINDS.map(({ name }) => name),
  );
  return names.flatMap((each) => KINDS.filter(({ name }) => name === each));
}

function parseKinds(text: string): readonly DeviceKind[] {
  return namesIn(text, DEVICE_KINDS);
}

function parseAttackers(text: string): readonly number[] {
  return text.split(',').map((count) => parseWhole(count, 1, MAX_ATTACKERS));
}

function parseArms(text: string): readonly ArmName[] {
  return [...new Set(namesIn(text, ARM_NAMES))];
}

/** Comma-separated, each of them one of `known`. */
function namesIn<Name extends string>(text: string, known: readonly Name[]): Name[] {
  return text.split(',').map((part) => {
    const found = known.find((name) => name === part.trim());
    if (found === undefined) throw new InvalidArgumentError(`"${part}" is not one of ${known.join(', ')}`);
    return found;
  });
}

function parseSizes(text: string): readonly number[] {
  return [...new Set(text.split(',').map((size) => parseWhole(size, 1, MAX_SIZE_BYTES)))];
}

function parseRounds(text: string): number {
  return parseWhole(text, MIN_ROUNDS, 1000);
}

function parseWhole(text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(`"${text}" is not a whole number from ${min} to ${max}`);
  }
  return value;
}
