/** `argus audit access|rules`: the policies of a log next to what was asked of them. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { readAudit } from '../../../../../broker/audit/index.ts';
import { INSPECTORS } from '../../../../../broker/index.ts';
import type { PolicyRevision } from '../../../../../policy/index.ts';
import {
  type AccessUse,
  AuditQuestionError,
  accessUse,
  type LoadedPolicy,
  loadedPolicyOf,
  PolicyArchive,
  parseTime,
  RecordRow,
  ruleUse,
  TIME_WORDS,
  UsageTally,
} from '../../../../audit/index.ts';
import { counted } from '../../../progress/index.ts';
import { announce } from '../announce.ts';
import { print, type TableFlags } from './run-report.ts';

interface PolicyFlags extends TableFlags {
  /** Milliseconds since 1970. */
  readonly at?: number;
}

interface AccessFlags extends PolicyFlags {
  readonly source?: string;
  readonly target?: string;
  readonly state?: AccessUse['state'];
}

export function accessCommand(): Command {
  return policyQuestion(
    'access',
    'who was allowed to do what to whom at a moment, and whether they ever did',
    'argus audit access /var/log/argus --target db-vm --at 2026-11-17T14:00Z',
  )
    .option('-s, --source <domain>', 'only what this domain may do')
    .option('-t, --target <domain>', 'only what may be done to this domain')
    .addOption(
      new Option('--state <state>', 'allowed and used, allowed and never used, denied and tried').choices([
        'used',
        'unused',
        'tried',
      ]),
    )
    .action(async (directory: string, flags: AccessFlags) => {
      const { policy, tally } = await policyAt(directory, flags);
      const rows = accessUse(policy, tally)
        .filter(({ source }) => flags.source === undefined || source === flags.source)
        .filter(({ destination }) => flags.target === undefined || destination === flags.target)
        .filter(({ state }) => flags.state === undefined || state === flags.state)
        .map((one) => [
          one.source,
          one.destination,
          `${one.className}:${one.permission}`,
          one.state,
          one.allowed,
          one.denied,
        ]);
      print({ columns: ['source', 'destination', 'what', 'state', 'allowed', 'denied'], rows }, flags);
    });
}

export function rulesCommand(): Command {
  return policyQuestion(
    'rules',
    'the rows of the policy, and how often each one decided what is in the log',
    'argus audit rules /var/log/argus --unused',
  )
    .option('--unused', 'only rows that decided nothing')
    .action(async (directory: string, flags: PolicyFlags & { readonly unused?: true }) => {
      const { policy, tally } = await policyAt(directory, flags);
      const rows = ruleUse(policy, tally)
        .filter(({ times }) => flags.unused === undefined || times === 0)
        .map(({ text, times, sources }) => [times, sources.length, text]);
      print({ columns: ['times', 'domains', 'row'], rows }, flags);
    });
}

function policyQuestion(name: string, description: string, example: string): Command {
  return new Command(name)
    .description(description)
    .argument('<dir>', 'the audit directory')
    .option('--at <moment>', `the policy in force then (default: the newest); ${TIME_WORDS}`, parseMoment)
    .option('--json', 'one JSON array')
    .option('--csv', 'as CSV')
    .addHelpText('after', `\nExample:\n  ${example}`);
}

/** The policy in force at the moment, and all that the log says was asked up to then. */
async function policyAt(
  directory: string,
  { at }: PolicyFlags,
): Promise<{ readonly policy: PolicyRevision; readonly tally: UsageTally }> {
  await announce(directory, { what: 'access', question: '' });
  const tally = new UsageTally();
  const until = at === undefined ? null : new Date(at).toISOString();
  let loaded: LoadedPolicy | null = null;
  for await (const { parsed } of counted(readAudit(directory))) {
    if (typeof parsed === 'string') continue;
    const row = new RecordRow(parsed);
    const time = row.get('time');
    if (until !== null && typeof time === 'string' && time > until) break;
    tally.add(row);
    loaded = loadedPolicyOf(row) ?? loaded;
  }
  if (loaded === null)
    throw new AuditQuestionError('ERR_AUDIT_NO_POLICY', 'the log names no policy that was in force at that moment');
  return { policy: await new PolicyArchive(directory, INSPECTORS).policyOf(loaded), tally };
}

function parseMoment(text: string): number {
  const moment = parseTime(text, Date.now());
  if (moment === null) throw new InvalidArgumentError(`expected one of ${TIME_WORDS}.`);
  return moment;
}
