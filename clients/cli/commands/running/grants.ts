/** `argus grant`, `argus revoke` and `argus grants`: labels that domains get at run time. */
import Table from 'cli-table3';
import { Command } from 'commander';
import { BrokerError, type BrokerStatus, callControl, type GrantStatus } from '../../../../broker/index.ts';
import { parseMilliseconds } from '../../durations.ts';
import { PLAIN, printable, printJson } from '../../output.ts';
import { type ControlFlags, controlSocket, withControl } from '../../sockets/control.ts';
import { who } from '../../who.ts';

interface Common extends ControlFlags {
  readonly json?: boolean;
}

interface Answer {
  readonly revision?: number;
  readonly changed?: boolean;
  readonly message?: string;
}

function withFlags(command: Command): Command {
  return withControl(command).option('--json', 'print one JSON object');
}

export function grantCommand(): Command {
  return withFlags(new Command('grant'))
    .description('give a domain a grantable label, for a while or until it is taken back')
    .argument('<domain>', 'who gets it')
    .argument('<label>', 'a label that domains.yaml declares "grantable: true", e.g. @mic')
    .option('--for <duration>', 'how long: 90s, 10m, 2h, 1d (default: until taken back)', parseMilliseconds)
    .option('--reason <text>', 'why, for the audit log', '')
    .option('--keep', 'also after the domain starts again; otherwise the grant ends with its session')
    .addHelpText('after', '\nExample:\n  argus grant chrome-vm @mic --for 10m --reason "call with the bank"')
    .action(async (domain: string, label: string, options: Common & GrantOptions) => {
      const body = {
        domain,
        label,
        by: who(),
        reason: options.reason,
        forMs: options.for ?? null,
        keep: options.keep === true,
      };
      const answer = await call(options, '/v1/grants', body, 'not granted');
      if (options.json === true) printJson(answer);
      else
        process.stdout.write(
          `${domain} has ${label}${describe(options)}, revision ${answer.revision}\n${await elsewhere(options)}`,
        );
    });
}

interface GrantOptions {
  readonly for?: number;
  readonly reason: string;
  readonly keep?: boolean;
}

export function revokeCommand(): Command {
  return withFlags(new Command('revoke'))
    .description('take back a label that was granted; what waits in the broker under it is withdrawn')
    .argument('<domain>', 'who loses it')
    .argument('<label>', 'the label')
    .option('--reason <text>', 'why, for the audit log', '')
    .addHelpText('after', '\nExample:\n  argus revoke chrome-vm @mic --reason "call is over"')
    .action(async (domain: string, label: string, options: Common & { reason: string }) => {
      const body = { domain, label, by: who(), reason: options.reason };
      const answer = await call(options, '/v1/grants/revoke', body, 'not taken back');
      if (options.json === true) printJson(answer);
      else if (answer.changed === true)
        process.stdout.write(`${domain} no longer has ${label}, revision ${answer.revision}\n`);
      else process.stdout.write(`${label} was not granted to ${domain}; "argus grants" lists what is\n`);
    });
}

export function grantsCommand(): Command {
  return withFlags(new Command('grants'))
    .description('list what is granted now')
    .addHelpText('after', '\nExample:\n  argus grants --json')
    .action(async ({ control, timeout, json }: Common) => {
      const { body } = await callControl(controlSocket(control), 'GET', '/v1/grants', undefined, timeout);
      const { grants } = body as { grants: GrantStatus[] };
      if (json === true) printJson(grants);
      else process.stdout.write(grants.length === 0 ? 'nothing is granted\n' : render(grants));
    });
}

async function call({ control, timeout }: Common, path: string, body: object, failure: string): Promise<Answer> {
  const { ok, body: answered } = await callControl(controlSocket(control), 'POST', path, body, timeout);
  const answer = answered as Answer;
  if (!ok) throw new BrokerError('ERR_BROKER_GRANT', `${failure}: ${answer.message}`);
  return answer;
}

/** Grants are not passed on: the destination's broker decides too, and takes nobody's word for what its policy lets be granted. */
async function elsewhere({ control, timeout }: Common): Promise<string> {
  const { broker, brokers } = (await callControl(controlSocket(control), 'GET', '/v1/status', undefined, timeout))
    .body as BrokerStatus;
  if (brokers.length === 0) return '';
  const others = brokers.map((other) => other.broker).join(', ');
  return `at "${broker}" only: for messages that cross to or from ${others}, grant it there too\n`;
}

function describe(options: GrantOptions): string {
  const seconds = options.for === undefined ? '' : ` for ${options.for / 1_000} s`;
  return `${seconds}${options.keep === true ? ', also after it starts again' : ''}`;
}

function render(grants: readonly GrantStatus[]): string {
  const table = new Table({
    head: ['domain', 'label', 'until', 'ends with the session', 'by', 'reason'],
    style: PLAIN,
  });
  for (const { domain, label, expiresAt, keep, by, reason } of grants)
    table.push([domain, label, expiresAt ?? 'taken back', keep ? 'no' : 'yes', printable(by), printable(reason)]);
  return `${table.toString()}\n`;
}
