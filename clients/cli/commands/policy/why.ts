/** `argus policy why`: the reason of one decision, and the smallest change that would allow it. */
import { Command, InvalidArgumentError } from 'commander';
import {
  type AccessQuestion,
  answerWhy,
  formatAnswer,
  needsOfMessage,
  PolicyError,
  type PolicyRevision,
  readQuestion,
} from '../../../../policy/index.ts';
import { printJson } from '../../output.ts';
import { type Change, tryChanges } from './change/changes.ts';
import { load, type PolicyOption, policyOption } from './directory.ts';

export function whyCommand(): Command {
  return new Command('why')
    .description('why a request is allowed or denied, what nearly matches, and what would allow it')
    .argument('<source>', 'a domain')
    .argument('<destination>', 'a domain, or broker')
    .argument('<class>', 'a class')
    .argument('<permission>', 'a permission of the class')
    .argument('[port]', 'a port of the destination: says which class it is', readPort)
    .addOption(policyOption())
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy why chrome-vm audio-vm audio-playback send 4713')
    .action(why);
}

function readPort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 0xffff_ffff) return port;
  throw new InvalidArgumentError('a port, 1 to 4294967295');
}

async function why(
  source: string,
  destination: string,
  className: string,
  permission: string,
  port: number | undefined,
  options: PolicyOption & { readonly json?: true },
): Promise<void> {
  const policy = await load(options.policy);
  const question = readQuestion(policy, [source, destination, className, permission]);
  if (typeof question === 'string') throw new PolicyError('ERR_POLICY_QUESTION', question);
  const answer = answerWhy(policy, question);
  const changes = await tryChanges(policy, answer.candidates);
  const needs = needsOfMessage(policy, question);
  const bound = port === undefined ? null : policy.classes.of(question.destination, port).name;
  if (options.json === true) printJson(toJson(policy, question, answer, { changes, needs, port: port ?? null, bound }));
  else
    process.stdout.write(
      `${[formatAnswer(question, answer, policy.hash), ...linesOf({ changes, needs, port: port ?? null, bound }, question)].join('\n')}\n`,
    );
}

interface Extras {
  readonly changes: readonly Change[];
  readonly needs: ReturnType<typeof needsOfMessage>;
  readonly port: number | null;
  readonly bound: string | null;
}

function linesOf({ changes, needs, port, bound }: Extras, { destination, serviceClass }: AccessQuestion): string[] {
  const lines: string[] = [];
  if (bound !== null) {
    const fits =
      bound === serviceClass.name ? '' : `, not ${serviceClass.name}: messages to it are decided by that class`;
    lines.push(`  port: ${port} of ${destination.name} is of class ${bound}${fits}`);
  }
  for (const { row, adds, breaks } of changes) {
    const effect = breaks.length === 0 ? `allows ${adds} request${adds === 1 ? '' : 's'} more` : `breaks ${breaks[0]}`;
    lines.push(`  would be allowed by: ${row}   -> ${effect}`);
  }
  for (const { what, allowed } of needs) lines.push(`  also needed: ${what}: ${allowed ? 'allowed' : 'DENIED'}`);
  return lines;
}

function toJson(
  policy: PolicyRevision,
  question: AccessQuestion,
  answer: ReturnType<typeof answerWhy>,
  extras: Extras,
): object {
  return {
    policy: policy.hash,
    source: question.source.name,
    destination: question.destination.name,
    class: question.serviceClass.name,
    permission: question.permission,
    allowed: answer.allowed,
    reason: answer.reason,
    rule: answer.rule?.row.place ?? null,
    labels: answer.labels,
    nearMisses: answer.nearMisses.map(({ rule, differsIn, because }) => ({ ...rule.row.place, differsIn, because })),
    changes: extras.changes.map(({ row, adds, breaks }) => ({ row, adds: breaks.length === 0 ? adds : null, breaks })),
    needs: extras.needs,
    ...(extras.port === null ? {} : { port: extras.port, portClass: extras.bound }),
  };
}
