/** `argus policy flow` and `graph`: where information can go. */
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  allFlows,
  type Domain,
  finish,
  flowGraph,
  formatDot,
  formatFlows,
  formatMermaid,
  formatSvg,
  PolicyError,
  type PolicyRevision,
  shortestFlows,
} from '../../../../../policy/index.ts';
import { printJson } from '../../../output.ts';
import { load, type PolicyOption, policyOption } from '../directory.ts';

/** Longer paths are too many to read; setools calls 5 "extremely expensive". */
const MAX_STEPS = 8;
/** Paths listed by -A. */
const MAX_PATHS = 1_000;

interface FlowOptions extends PolicyOption {
  readonly source: string;
  readonly target: string;
  readonly all?: number;
  readonly json?: true;
}

export function flowCommand(): Command {
  return new Command('flow')
    .description('how information can get from one domain or label to another, directly or through relays')
    .argument('[exclude...]', 'domains that take no part')
    .requiredOption('-s, --source <subject>', 'a domain or label')
    .requiredOption('-t, --target <subject>', 'a domain or label')
    .option('-S, --shortest', 'the shortest paths (the default)')
    .option('-A, --all <steps>', 'all paths of at most so many steps', readSteps)
    .addOption(policyOption())
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nA path is possible, not certain: each domain on the way would have to pass the data on.\n\nExample:\n  argus policy flow -s chrome-vm -t mail-vm -A 2',
    )
    .action(flow);
}

function readSteps(text: string): number {
  const steps = Number(text);
  if (Number.isInteger(steps) && steps >= 1 && steps <= MAX_STEPS) return steps;
  throw new InvalidArgumentError(`a number of steps, 1 to ${MAX_STEPS}`);
}

async function flow(excluded: readonly string[], options: FlowOptions): Promise<void> {
  const policy = await load(options.policy);
  for (const name of excluded) membersOf(policy, name);
  const graph = finish(flowGraph(policy, new Set(excluded)));
  const [sources, targets] = [membersOf(policy, options.source), membersOf(policy, options.target)];
  const paths =
    options.all === undefined
      ? shortestFlows(graph, sources, targets)
      : finish(allFlows(graph, sources, targets, options.all, MAX_PATHS));
  if (options.json === true) {
    printJson({
      flows: paths.map((path) => path.map(({ from, to, classes }) => ({ from: from.name, to: to.name, classes }))),
    });
    return;
  }
  const cut = paths.length === MAX_PATHS ? `\nOnly the first ${MAX_PATHS} paths are listed.` : '';
  process.stdout.write(`${formatFlows(paths)}${cut}\n`);
}

function membersOf({ domains }: PolicyRevision, subject: string): Set<Domain> {
  const found = domains.all.filter(
    ({ name, labels }) => name === subject || subject === '@any' || labels.includes(subject),
  );
  if (found.length > 0) return new Set(found);
  throw new PolicyError(
    'ERR_POLICY_QUESTION',
    `"${subject}" is no domain of this policy, and no domain has it as a label`,
  );
}

const FORMATS = { dot: formatDot, mermaid: formatMermaid, svg: formatSvg };

export function graphCommand(): Command {
  return new Command('graph')
    .description('draw which domains information can pass between')
    .addOption(
      new Option('--format <format>', 'for Graphviz, for Markdown, or a picture')
        .choices(['dot', 'mermaid', 'svg'])
        .default('dot'),
    )
    .addOption(policyOption())
    .addHelpText('after', '\nExample:\n  argus policy graph --format svg --policy /etc/argus/policy > policy.svg')
    .action(async (options: PolicyOption & { readonly format: keyof typeof FORMATS }) => {
      const graph = finish(flowGraph(await load(options.policy)));
      process.stdout.write(`${FORMATS[options.format](graph)}\n`);
    });
}
