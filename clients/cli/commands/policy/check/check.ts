/** `argus policy check`: every fault for which a broker would refuse the policy, and the linter's warnings. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { VERSION } from '../../../../../broker/process/index.ts';
import {
  applyWaivers,
  type Finding,
  finish,
  formatGithub,
  formatReported,
  lintPolicy,
  PolicyError,
  type PolicyRevision,
  toSarif,
  type Waived,
  type Warning,
} from '../../../../../policy/index.ts';
import { parseTime, TIME_WORDS } from '../../../../audit/index.ts';
import { printJson } from '../../../output.ts';
import { load } from '../directory.ts';
import { rowsUnusedSince } from './unused.ts';

const FORMATS = ['text', 'json', 'sarif', 'github'] as const;

const DEFAULT_UNUSED_MS = 30 * 86_400_000;
const NO_LOG = { warnings: [], problem: null };

/** regal's: 2 = warnings and asked to fail on them, 3 = errors. */
const EXIT_WARNINGS = 2;
const EXIT_ERRORS = 3;

interface CheckOptions {
  readonly format: (typeof FORMATS)[number];
  readonly json?: true;
  readonly failLevel: 'error' | 'warning';
  readonly audit?: string;
  /** Milliseconds since 1970. */
  readonly unused: number;
}

export function checkCommand(): Command {
  return new Command('check')
    .description('load a policy directory as a broker would, lint it, and print every finding')
    .argument('<directory>', 'the policy directory')
    .addOption(new Option('--format <format>', 'how to print').choices(FORMATS).default('text'))
    .option('--json', 'the same as --format json')
    .addOption(
      new Option('--fail-level <level>', 'what makes the exit code other than 0')
        .choices(['error', 'warning'])
        .default('error'),
    )
    .option('--audit <directory>', 'an audit log: also report allow rows that decided nothing in it (W-030)')
    .addOption(
      new Option('--unused <moment>', `since when, with --audit; ${TIME_WORDS}`)
        .argParser(parseMoment)
        .default(Date.now() - DEFAULT_UNUSED_MS, '30d'),
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing to fail for, 2 warnings (with --fail-level warning), 3 errors: a broker would refuse it.\n\nExample:\n  argus policy check /etc/argus/policy --fail-level warning',
    )
    .action(check);
}

interface Outcome {
  readonly directory: string;
  readonly policy: PolicyRevision | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly findings: readonly Finding[];
  readonly warnings: readonly Warning[];
  readonly waived: readonly Waived[];
}

async function check(directory: string, options: CheckOptions): Promise<void> {
  const outcome = await examine(directory, options);
  if (outcome.findings.length > 0) process.exitCode = EXIT_ERRORS;
  else if (outcome.warnings.length > 0 && options.failLevel === 'warning') process.exitCode = EXIT_WARNINGS;
  const all = [...outcome.findings, ...outcome.warnings];
  const format = options.json === true ? 'json' : options.format;
  if (format === 'json') printJson(toJson(outcome));
  else if (format === 'sarif') printJson(toSarif(directory, VERSION, all));
  else if (format === 'github') {
    if (all.length > 0) process.stdout.write(`${formatGithub(directory, all)}\n`);
  } else process.stdout.write(`${describe(outcome)}\n`);
}

async function examine(directory: string, { audit, unused }: CheckOptions): Promise<Outcome> {
  const none = { findings: [], warnings: [], waived: [] };
  try {
    const policy = await load(directory);
    const today = new Date().toISOString().slice(0, 10);
    const log = audit === undefined ? NO_LOG : await rowsUnusedSince(policy, audit, unused);
    if (log.problem !== null) process.stderr.write(`argus: no row is reported as unused: ${log.problem}\n`);
    const found = [...finish(lintPolicy(policy)), ...log.warnings];
    const { warnings, waived } = applyWaivers(policy.files, found, today, audit !== undefined);
    return { ...none, directory, policy, code: null, message: null, warnings, waived };
  } catch (error) {
    // Without a finding the directory itself cannot be used.
    if (!(error instanceof PolicyError) || error.findings.length === 0) throw error;
    const { code, message, findings } = error;
    return { ...none, directory, policy: null, code, message, findings };
  }
}

function toJson({ directory, policy, code, message, findings, warnings, waived }: Outcome): object {
  if (policy === null) return { ok: false, directory, code, message, findings, warnings, waived };
  return { ok: true, directory, findings, warnings, waived, summary: summarise(policy) };
}

function summarise({ hash, domains, labels, classes, rows, checked }: PolicyRevision) {
  return {
    hash,
    domains: domains.all.length,
    labels: labels.size,
    classes: classes.all.length,
    rows,
    assertions: checked.assertions,
    tests: checked.tests,
  };
}

function describe({ directory, policy, findings, warnings, waived }: Outcome): string {
  const lines = [...findings, ...warnings].map(formatReported);
  const waivers = waived.map(
    ({ warning, reason, until }) => `${formatReported(warning)}, waived until ${until}: ${reason}`,
  );
  const noted = [...lines, ...waivers];
  const above = noted.length === 0 ? '' : `${noted.join('\n')}\n\n`;
  if (policy === null) {
    const refusal = 'a broker would refuse this policy and keep the one it has (argus policy explain CODE)';
    return `${above}${directory}: ${count(findings.length, 'finding')}; ${refusal}`;
  }
  const verdict = [
    'no findings',
    ...(warnings.length === 0 ? [] : [`${count(warnings.length, 'warning')} (argus policy explain CODE)`]),
    ...(waived.length === 0 ? [] : [`${waived.length} waived`]),
  ].join(', ');
  return `${above}${directory}: ${verdict}\n${describeCounts(policy)}`;
}

function count(number: number, what: string): string {
  return number === 1 ? `1 ${what}` : `${number} ${what}s`;
}

/** Every count on a line of its own, numbers below each other. */
function describeCounts(policy: PolicyRevision): string {
  const { hash, ...counts } = summarise(policy);
  const notes: Readonly<Record<string, string>> = {
    classes: 'two of them built in',
    assertions: 'all hold',
    tests: 'all passed',
  };
  const width = Math.max(...Object.values(counts).map((number) => String(number).length));
  const lines = Object.entries(counts).map(([what, number]) => {
    const note = number > 0 ? notes[what] : undefined;
    return `  ${String(number).padStart(width)} ${what}${note === undefined ? '' : `, ${note}`}`;
  });
  return [...lines, `  policy ${hash.slice(0, 12)}`].join('\n');
}

function parseMoment(text: string): number {
  const moment = parseTime(text, Date.now());
  if (moment === null) throw new InvalidArgumentError(`expected one of ${TIME_WORDS}.`);
  return moment;
}
