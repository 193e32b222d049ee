/** `argus why`: a request decided by the policy in force at a running broker, and what its message needs there. */
import { Command } from 'commander';
import type { AccessQuestion, PolicyRevision } from '../../../../policy/index.ts';
import { printJson } from '../../output.ts';
import { type ControlFlags, withControl } from '../../sockets/control.ts';
import { explain, explanationJson, explanationText, questionOf, withQuestion } from '../policy/index.ts';
import { readRunning } from './policy-in-force.ts';
import { presenceOf } from './presence.ts';

interface Flags extends ControlFlags {
  readonly json?: true;
}

export function whyCommand(): Command {
  return withControl(withQuestion(new Command('why'), true))
    .description('why a running broker allows or denies a request now, grants included, and what else a message needs')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nThe policy in force decides, with its grants. "argus policy why" asks a directory instead, or a record of the log.\n\nExample:\n  argus why chrome-vm audio-vm audio-playback send 4713',
    )
    .action(why);
}

async function why(
  source: string,
  destination: string,
  className: string,
  permission: string,
  port: number | undefined,
  options: Flags,
): Promise<void> {
  const { policy, status } = await readRunning(options);
  const question = questionOf(policy, [source, destination, className, permission]);
  const explanation = await explain(policy, question, port);
  const presence = presenceOf(policy, status, question, port);
  const permissive = isPermissive(policy, question);
  const grants = policy.grants.filter(({ domain }) => domain === source || domain === destination);
  if (options.json === true) {
    printJson({
      ...explanationJson(explanation),
      revision: policy.revision,
      broker: status.broker,
      grants,
      permissive,
      presence,
    });
    return;
  }
  const lines = [
    explanationText(explanation),
    ...grants.map(
      ({ domain, label }) => `  granted: ${domain} has ${label} until it is taken back or ends (argus grants)`,
    ),
    ...(permissive
      ? [`  ${source} is PERMISSIVE now: the denial is recorded, and the message passes (argus getenforce)`]
      : []),
    ...presence.map(({ what, holds }) => `  at ${status.broker}: ${what}: ${holds ? 'yes' : 'NO'}`),
    `  revision ${policy.revision} in force at ${status.broker}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** The rows deny it, and the broker lets it pass. An assertion may forbid that. */
function isPermissive({ monitor }: PolicyRevision, question: AccessQuestion): boolean {
  const { source, destination, serviceClass, permission } = question;
  const position = serviceClass.permissions.indexOf(permission);
  const decision = monitor.vector(source, destination, serviceClass).decisions[position];
  return decision?.allowed === true && decision.permissive !== null;
}
