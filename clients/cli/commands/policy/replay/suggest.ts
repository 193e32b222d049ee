/** `argus policy suggest`: rows that would allow what was denied, each with what it would break. Applies nothing. */
import { Command } from 'commander';
import { answerWhy, decideAgain, type PolicyRevision, readQuestion } from '../../../../../policy/index.ts';
import { printJson } from '../../../output.ts';
import { controlOption } from '../../../sockets/control.ts';
import { type Change, tryChanges } from '../change/changes.ts';
import { load, type PolicyOption, policyOption } from '../directory.ts';
import { type AuditFlags, auditDirectory, auditOption } from '../sources.ts';
import { type DecidedRecord, decidedRecords } from './recorded.ts';
import { type SinceOption, sinceFilter } from './simulate.ts';

/** Requests that get a suggestion: each of them compiles a few policies. */
const MAX_SUGGESTIONS = 50;

interface Denied {
  readonly question: readonly [string, string, string, string];
  denials: number;
  readonly first: number;
  last: number;
  readonly record: DecidedRecord;
}

interface Suggestion extends Omit<Denied, 'record'> {
  readonly changes: readonly Change[];
}

export function suggestCommand(): Command {
  return new Command('suggest')
    .description('propose rows for what the audit log says was denied, as comments; applies nothing')
    .addOption(policyOption())
    .addOption(auditOption())
    .addOption(controlOption())
    .option('--since <moment>', 'only denials from then on: today, 7d, 2026-11-20')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nA denial is the policy at work: look at each row before you take its "#" away.\n\nExample:\n  argus policy suggest --audit /var/log/argus --since today',
    )
    .action(suggest);
}

async function suggest(options: PolicyOption & AuditFlags & SinceOption & { readonly json?: true }): Promise<void> {
  const policy = await load(options.policy);
  const wants = sinceFilter(options);
  const denied = new Map<string, Denied>();
  for await (const record of decidedRecords(await auditDirectory(options))) {
    // A person wrote a deny row on purpose, so we do not suggest to remove it. The same holds for a dontaudit row.
    const isOpen = record.decision.reason === 'NO_RULE' && record.event !== 'denied.counted';
    if (isOpen && wants(record)) add(denied, record);
  }
  const open = [...denied.values()].filter(({ record }) => isStillDenied(policy, record));
  open.sort((a, b) => b.denials - a.denials);
  const suggestions: Suggestion[] = [];
  for (const { record: _, ...each } of open.slice(0, MAX_SUGGESTIONS)) {
    const question = readQuestion(policy, each.question);
    if (typeof question === 'string') continue;
    suggestions.push({ ...each, changes: await tryChanges(policy, answerWhy(policy, question).candidates) });
  }
  if (options.json === true) printJson({ policy: policy.hash, denied: open.length, suggestions });
  else process.stdout.write(`${linesOf(open.length, suggestions).join('\n')}\n`);
}

function add(denied: Map<string, Denied>, record: DecidedRecord): void {
  const { source, destination, className, permission } = record.decision;
  const question = [source, destination, className, permission] as const;
  const known = denied.get(question.join(' '));
  if (known === undefined) {
    denied.set(question.join(' '), { question, denials: record.count, first: record.seq, last: record.seq, record });
    return;
  }
  known.denials += record.count;
  known.last = record.seq;
}

/** Not when the name is gone, a row allows it by now, or a deny row stands against it. */
function isStillDenied(policy: PolicyRevision, { decision }: DecidedRecord): boolean {
  return decideAgain(policy, decision).reason === 'NO_RULE';
}

function linesOf(open: number, suggestions: readonly Suggestion[]): string[] {
  if (open === 0) return ['# nothing that was denied is still denied'];
  const lines = suggestions.flatMap(
    ({ question: [source, destination, className, permission], denials, first, last, changes }) => [
      `# ${source} -> ${destination} ${className}:${permission}, denied ${denials} times, records ${first} to ${last}`,
      ...changes.map(({ row, adds, breaks }) =>
        breaks.length === 0
          ? `# ${row}   -> allows ${adds} request${adds === 1 ? '' : 's'}`
          : `# ${row}   -> breaks ${breaks[0]}`,
      ),
      '',
    ],
  );
  const rest = open > suggestions.length ? [`# … ${suggestions.length} of ${open} shown`] : [];
  return [...lines.slice(0, -1), ...rest];
}
