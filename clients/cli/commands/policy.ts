/** `argus policy …`: what an admin does with a policy directory before a broker sees it. */
import { Command } from 'commander';
import { INSPECTORS } from '../../../broker/index.ts';
import {
  copyShippedPolicy,
  type Finding,
  formatFinding,
  loadPolicy,
  PolicyError,
  type PolicyRevision,
} from '../../../policy/index.ts';
import { printJson } from '../output.ts';

export function policyCommand(): Command {
  return new Command('policy')
    .description('check and create policy directories')
    .addCommand(checkCommand())
    .addCommand(initCommand());
}

function checkCommand(): Command {
  return new Command('check')
    .description('load a policy directory as a broker would and print every finding; exit code 1 if there is any')
    .argument('<directory>', 'the policy directory')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy check /etc/argus/policy')
    .action(check);
}

function initCommand(): Command {
  return new Command('init')
    .description('copy the shipped policy into a new directory; overwrites nothing')
    .argument('<directory>', 'where to; is created if need be')
    .addHelpText('after', '\nExample:\n  argus policy init /etc/argus/policy')
    .action(init);
}

async function check(directory: string, options: { readonly json?: true }): Promise<void> {
  const json = options.json === true;
  try {
    const policy = await loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
    if (json) printJson({ ok: true, directory, findings: [], summary: summarise(policy) });
    else process.stdout.write(`${describe(directory, policy)}\n`);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    process.exitCode = 1;
    if (json) printJson({ ok: false, directory, code: error.code, message: error.message, findings: error.findings });
    else if (error.findings.length === 0) throw error;
    else
      process.stdout.write(
        `${error.findings.map(formatFinding).join('\n')}\n\n${verdict(directory, error.findings)}\n`,
      );
  }
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

/** Every count on a line of its own, numbers below each other. */
function describe(directory: string, policy: PolicyRevision): string {
  const { hash, ...counts } = summarise(policy);
  const notes: Readonly<Record<string, string>> = {
    classes: 'two of them built in',
    assertions: 'all hold',
    tests: 'all passed',
  };
  const width = Math.max(...Object.values(counts).map((count) => String(count).length));
  const lines = Object.entries(counts).map(([what, count]) => {
    const note = count > 0 ? notes[what] : undefined;
    return `  ${String(count).padStart(width)} ${what}${note === undefined ? '' : `, ${note}`}`;
  });
  return [`${directory}: no findings`, ...lines, `  policy ${hash.slice(0, 12)}`].join('\n');
}

function verdict(directory: string, findings: readonly Finding[]): string {
  const count = findings.length === 1 ? '1 finding' : `${findings.length} findings`;
  return `${directory}: ${count}; a broker would refuse this policy and keep the one it has (docs/policy.md explains the codes)`;
}

async function init(directory: string): Promise<void> {
  const written = await copyShippedPolicy(directory);
  process.stdout.write(
    `${written.map((path) => `created ${path}`).join('\n')}\n\nNext: edit ${directory}/domains.yaml and policy.csv, then run: argus policy check ${directory}\n`,
  );
}
