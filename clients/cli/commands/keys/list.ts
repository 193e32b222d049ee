/** `argus keys list` and `argus keys audit`: who has which key until when, and what needs attention. Never a secret. */
import Table from 'cli-table3';
import { Command } from 'commander';
import { callControl, type KeyReport } from '../../../../broker/index.ts';
import { type HolderKey, listHolders, openAuthority } from '../../../../keys/index.ts';
import { parseSeconds } from '../../durations.ts';
import { PLAIN, printJson } from '../../output.ts';
import { isoTime, print, shortTime } from './format.ts';

const SOON_SECONDS = 14 * 86_400;
const THUMBPRINT_SHOWN = 12;

interface ListOptions {
  readonly authority: string;
  readonly expiring?: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function listCommand(): Command {
  return new Command('list')
    .description('list the holders of keys: role, name, key, generation, validity, state')
    .requiredOption('--authority <dir>', 'directory of the authority')
    .option('--expiring <time>', 'only valid ones that expire within: 14d, 12h', parseSeconds)
    .option('--all', 'also keys that were revoked, replaced or have expired')
    .option('--json', 'as one JSON object')
    .addHelpText('after', '\nExample:\n  argus keys list --authority /etc/argus/authority --expiring 14d')
    .action(async (options: ListOptions) => {
      const now = Date.now();
      const keys = await listHolders(await openAuthority(options.authority), now);
      const shown = keys.filter((key) => isShown(key, options, now));
      if (options.json === true) printJson({ keys: shown });
      else print(tableOf(shown));
    });
}

function isShown(key: HolderKey, { expiring, all }: ListOptions, now: number): boolean {
  if (expiring !== undefined) return key.state === 'valid' && key.expiresAt <= now / 1000 + expiring;
  return all === true || key.state === 'valid';
}

function tableOf(keys: readonly HolderKey[]): string {
  const table = new Table({ head: ['role', 'name', 'key', 'gen', 'issued', 'valid until', 'state'], style: PLAIN });
  for (const key of keys)
    table.push([
      key.role,
      key.name,
      key.thumbprint,
      key.generation,
      shortTime(key.issuedAt),
      shortTime(key.expiresAt),
      stateOf(key),
    ]);
  return table.toString();
}

function stateOf({ state, revocation }: HolderKey): string {
  if (revocation === null) return state;
  const until = revocation.until === null ? '' : ` until ${shortTime(revocation.until)}`;
  return `revoked${until}: ${revocation.reason}`;
}

interface Finding {
  readonly code: 'EXPIRED' | 'EXPIRES_SOON' | 'NEVER_USED' | 'LIST_STALE' | 'INCIDENT';
  readonly subject: string;
  readonly message: string;
}

interface AuditOptions {
  readonly authority: string;
  readonly control?: string;
  readonly within: number;
  readonly json?: boolean;
}

export function auditCommand(): Command {
  return new Command('audit')
    .description('say what needs attention: keys that expire, expired, were never used; stale lists; incidents')
    .requiredOption('--authority <dir>', 'directory of the authority')
    .option('--control <path>', 'control socket of a broker: also what was never used, and incidents')
    .option('--within <time>', 'what counts as soon', parseSeconds, SOON_SECONDS)
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys audit --authority /etc/argus/authority --control /run/argus/control.sock\n\nExits with 1 when there is a finding.',
    )
    .action(async (options: AuditOptions) => {
      const now = Date.now();
      const authority = await openAuthority(options.authority);
      const keys = await listHolders(authority, now);
      const { list } = await authority.revocations(now);
      const report = options.control === undefined ? null : await reportOf(options.control);
      const findings = [
        ...keys.flatMap((key) => findingsAbout(key, now / 1000, options.within)),
        ...(report === null ? [] : findingsAtBroker(keys, list.serial, report)),
      ];
      if (options.json === true) printJson({ authority: authority.thumbprint, serial: list.serial, findings });
      else
        print(
          `authority ${authority.thumbprint}, ${keys.length} keys, revocation list ${list.serial}`,
          ...(findings.length === 0 ? ['nothing needs attention'] : findings.map(describe)),
        );
      if (findings.length > 0) process.exitCode = 1;
    });
}

async function reportOf(control: string): Promise<KeyReport> {
  return (await callControl(control, 'GET', '/v1/keys')).body as KeyReport;
}

function describe({ code, subject, message }: Finding): string {
  return `${code.padEnd(13)} ${subject}: ${message}`;
}

function findingsAbout(key: HolderKey, now: number, within: number): readonly Finding[] {
  if (key.state === 'revoked') return [];
  const subject = `${key.role} ${key.name}`;
  if (key.state === 'expired')
    return [{ code: 'EXPIRED', subject, message: `since ${isoTime(key.expiresAt)}; issue again, or revoke it` }];
  if (key.expiresAt > now + within) return [];
  const days = Math.floor((key.expiresAt - now) / 86_400);
  return [{ code: 'EXPIRES_SOON', subject, message: `in ${days} days, on ${isoTime(key.expiresAt)}; issue again` }];
}

function findingsAtBroker(keys: readonly HolderKey[], serial: number, report: KeyReport): readonly Finding[] {
  const used = new Set(report.holders.map(({ thumbprint }) => thumbprint));
  const unused = keys.filter(
    ({ role, state, thumbprint }) => role === 'domain' && state === 'valid' && !used.has(thumbprint),
  );
  const isStale = report.isStale || report.revocationSerial < serial;
  return [
    ...unused.map<Finding>(({ name, thumbprint }) => ({
      code: 'NEVER_USED',
      subject: `domain ${name}`,
      message: `key ${thumbprint.slice(0, THUMBPRINT_SHOWN)}… has never had a session at this broker`,
    })),
    ...(isStale
      ? [
          {
            code: 'LIST_STALE' as const,
            subject: 'broker',
            message: `it has list ${report.revocationSerial}, the authority list ${serial}; run argus keys publish`,
          },
        ]
      : []),
    ...report.incidents.map<Finding>(({ kind, role, name, key, count, lastAt }) => ({
      code: 'INCIDENT',
      subject: `${role} ${name}`,
      message: `${kind} ${count} times, last ${lastAt}, key ${key.slice(0, THUMBPRINT_SHOWN)}…`,
    })),
  ];
}
