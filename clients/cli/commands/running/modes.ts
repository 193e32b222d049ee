/** `argus setenforce` and `argus getenforce`: domains whose denials are recorded and not enforced for a while. */
import { Argument, Command } from 'commander';
import { BrokerError, callControl, type PermissiveStatus } from '../../../../broker/index.ts';
import { parseMilliseconds } from '../../durations.ts';
import { printable, printJson } from '../../output.ts';
import { type ControlFlags, controlSocket, withControl } from '../../sockets/control.ts';
import { who } from '../../who.ts';

interface Flags extends ControlFlags {
  readonly json?: boolean;
}

interface SetFlags extends Flags {
  readonly for?: number;
  readonly reason: string;
}

interface Answer {
  readonly revision?: number;
  readonly changed?: boolean;
  readonly code?: string;
  readonly message?: string;
}

export function setenforceCommand(): Command {
  return withControl(new Command('setenforce'))
    .description('make a domain permissive for a while (its denials are recorded and not enforced), or enforcing again')
    .argument('<domain>', 'the domain whose own requests are meant')
    .addArgument(new Argument('<mode>', 'what becomes of its denials').choices(['enforcing', 'permissive']))
    .option('--for <duration>', 'how long it is permissive, at most 1d: 90s, 10m, 2h', parseMilliseconds)
    .option('--reason <text>', 'why, for the audit log; required for permissive', '')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nAssertions are enforced all the same, and every domain is enforcing after a start of the broker.\n\nExamples:\n  argus setenforce chrome-vm permissive --for 1h --reason "which rows does it need?"\n  argus setenforce chrome-vm enforcing',
    )
    .action(async (domain: string, mode: string, options: SetFlags) => {
      const { control, timeout, json, reason, for: forMs } = options;
      if (mode === 'permissive' && forMs === undefined)
        throw new BrokerError('ERR_BROKER_MODE', 'not permissive: say for how long (--for 1h), and why (--reason)');
      if (mode === 'enforcing' && forMs !== undefined)
        throw new BrokerError('ERR_BROKER_MODE', 'nothing done: --for is about permissive; enforcing has no end');
      const body = { domain, mode, by: who(), reason, ...(mode === 'permissive' ? { forMs } : {}) };
      const { ok, body: answered } = await callControl(controlSocket(control), 'POST', '/v1/modes', body, timeout);
      const answer = answered as Answer;
      if (!ok) throw new BrokerError('ERR_BROKER_MODE', refusalOf(mode, answer));
      if (json === true) printJson(answer);
      else process.stdout.write(sentence(domain, mode, forMs, answer));
    });
}

export function getenforceCommand(): Command {
  return withControl(new Command('getenforce'))
    .description('show which domains are permissive, until when, by whom, and why')
    .argument('[domain]', 'only this domain: Enforcing or Permissive')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExamples:\n  argus getenforce\n  argus getenforce chrome-vm')
    .action(async (domain: string | undefined, { control, timeout, json }: Flags) => {
      const { body } = await callControl(controlSocket(control), 'GET', '/v1/modes', undefined, timeout);
      const { permissive, domains } = body as { permissive: PermissiveStatus[]; domains: string[] };
      // An unknown name would otherwise look enforced.
      if (domain !== undefined && !domains.includes(domain))
        throw new BrokerError('ERR_BROKER_MODE', `unknown domain "${printable(domain)}"`);
      const shown = permissive.filter((each) => domain === undefined || each.domain === domain);
      if (json === true) printJson({ permissive: shown });
      else process.stdout.write(`${modeLines(domain, shown).join('\n')}\n`);
    });
}

function refusalOf(mode: string, { code, message }: Answer): string {
  // The policy says which assertion is in the way; the mode alone says only that it was refused.
  const detail = code === undefined || code === 'ERR_BROKER_MODE' ? '' : ` (${code})`;
  return `not ${mode}: ${message}${detail}`;
}

function sentence(domain: string, mode: string, forMs: number | undefined, { revision, changed }: Answer): string {
  if (changed !== true) return `${domain} was ${mode} already\n`;
  const isLoose = mode === 'permissive' && forMs !== undefined;
  const what = isLoose ? `PERMISSIVE for ${forMs / 1_000} s: its denials are recorded and not enforced` : 'enforcing';
  return `${domain} is ${what}, revision ${revision}\n`;
}

function modeLines(domain: string | undefined, permissive: readonly PermissiveStatus[]): string[] {
  if (permissive.length === 0) return [domain === undefined ? 'Enforcing: every domain' : 'Enforcing'];
  return permissive.map((each) => {
    const { until, by, reason } = each;
    const name = domain === undefined ? `: ${each.domain}` : '';
    return `Permissive${name} until ${until}, by ${printable(by)}: ${printable(reason)}`;
  });
}
