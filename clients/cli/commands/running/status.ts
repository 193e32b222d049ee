/** `argus status` and `argus reload`: a running broker's report of itself, and a new reading of its policy. */
import Table from 'cli-table3';
import { Command } from 'commander';
import {
  BrokerError,
  type BrokerStatus,
  callControl,
  type DomainStatus,
  type ReloadResult,
} from '../../../../broker/index.ts';
import { formatFinding } from '../../../../policy/index.ts';
import { PLAIN, printJson } from '../../output.ts';
import { type ControlFlags, controlSocket, withControl } from '../../sockets/control.ts';
import { who } from '../../who.ts';

interface Flags extends ControlFlags {
  readonly json?: boolean;
}

export function statusCommand(): Command {
  return withControl(new Command('status'))
    .description('show a running broker: policy, audit log, domains, rings')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus status --control /run/argus/control.sock')
    .action(async ({ control, timeout, json }: Flags) => {
      const { body } = await callControl(controlSocket(control), 'GET', '/v1/status', undefined, timeout);
      if (json === true) printJson(body);
      else process.stdout.write(render(body as BrokerStatus));
    });
}

export function reloadCommand(): Command {
  return withControl(new Command('reload'))
    .description('load the policy directory again; a policy with an error leaves the old one in force')
    .option('--reason <text>', 'why, for the archive and the audit log', '')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy check /etc/argus/policy && argus reload')
    .action(async ({ control, timeout, json, reason }: Flags & { readonly reason: string }) => {
      const request = { by: who(), reason };
      const { ok, body } = await callControl(controlSocket(control), 'POST', '/v1/policy/reload', request, timeout);
      const result = body as ReloadResult;
      if (json === true) printJson(result);
      if (!ok || !result.ok) throw new BrokerError('ERR_BROKER_RELOAD', refusalOf(result));
      if (json !== true)
        process.stdout.write(`revision ${result.revision} in force${result.changed ? '' : ' (nothing had changed)'}\n`);
    });
}

/** The findings, a line each; otherwise what else is in the way. */
function refusalOf(result: ReloadResult): string {
  if (result.ok) return 'the policy was refused';
  const { code, message, findings = [] } = result;
  const what = findings.length === 0 ? [`${message} (${code})`] : findings.map(formatFinding);
  return [
    'the policy was refused, the old one stays in force (ERR_BROKER_RELOAD):',
    ...what.map((line) => `  ${line}`),
  ].join('\n');
}

function render(status: BrokerStatus): string {
  const { policy, audit, keys } = status;
  const lines = [
    `broker    ${status.broker} ${status.version}, pid ${status.pid}, up ${status.uptimeSeconds} s`,
    `policy    revision ${policy.revision}, ${policy.rows} rows, ${policy.hash.slice(0, 12)}, ${SHOWN_SOURCE[policy.source] ?? policy.directory}`,
    ...bundleLines(policy.bundle),
    ...(policy.refusal === null
      ? []
      : [
          `          REFUSED: the ${policy.bundle === null ? 'files there are' : 'bundle there is'} not in force: ${policy.refusal.message} (${policy.refusal.code})`,
        ]),
    ...permissiveLines(policy.permissive),
    `aead      ${status.aead.provider}${status.aead.reason === null ? '' : ` (in-place does not load: ${status.aead.reason})`}`,
    `audit     ${audit.healthy ? 'healthy' : 'FAILED: sends are stopped'}, ${audit.records} records, head ${audit.head.slice(0, 12)}`,
    `keys      revocation list ${keys.revocationSerial}${keys.isStale ? ' (STALE: a newer one exists)' : ''}, ${keys.revoked} revoked, ${keys.incidents.length} incidents${keys.incidents.length === 0 ? '' : ' (argus keys audit)'}`,
    ...expiryWarnings(status, Date.now()),
    `messages  ${status.messages} (${status.bytes} bytes)`,
    `memory    ${mebibytes(status.memory.held)} of ${mebibytes(status.memory.total)} held by messages`,
    `strangers ${status.strangers.sockets} sockets over TCP, work ${workOf(status.strangers).replace('\n', ', ')}`,
    `refused   ${
      Object.entries(status.refused)
        .map(([word, count]) => `${word} ${count}`)
        .join(', ') || 'none'
    }`,
  ];
  const table = new Table({
    head: [
      'domain',
      'domid',
      'labels',
      'session',
      'memory held/share',
      'work',
      'sockets',
      'rings (port from partner: used/length)',
    ],
    style: PLAIN,
  });
  for (const domain of status.domains) {
    const rings = domain.rings.map((ring) => `${ring.port} from ${ring.partner}: ${ring.used}/${ring.length}`);
    table.push([
      domain.name,
      domain.domid,
      domain.labels.join(' '),
      domain.session ?? '-',
      memoryOf(domain),
      workOf(domain),
      domain.sockets,
      rings.join('\n') || '-',
    ]);
  }
  return `${lines.join('\n')}\n${table.toString()}\n`;
}

/** Brokers of other versions may have other sources. A source with a directory is shown by its directory. */
const SHOWN_SOURCE: Readonly<Record<string, string>> = {
  applied: 'applied',
  nats: 'from the bucket of the NATS server',
};

function bundleLines(bundle: BrokerStatus['policy']['bundle']): readonly string[] {
  if (bundle === null) return [];
  const { version, signer, assertionsSigner, expiresAt, isExpired, isKept } = bundle;
  return [
    `          bundle ${version}, signed by ${signer}, ${isExpired ? 'EXPIRED on' : 'until'} ${expiresAt}`,
    ...(assertionsSigner === null ? [] : [`          assertions.csv signed by ${assertionsSigner}`]),
    ...(isKept ? [] : ['          NOT KEPT on disk: after a restart an older bundle would count']),
  ];
}

function permissiveLines(domains: readonly string[]): readonly string[] {
  if (domains.length === 0) return [];
  return [`          PERMISSIVE: denials of ${domains.join(', ')} are recorded and NOT enforced (argus getenforce)`];
}

/** Within this time a person should renew. */
const WARN_MS = 14 * 86_400_000;

/** The broker itself, and the domains whose sessions would end. */
function expiryWarnings({ broker, credentialExpiresAt, domains }: BrokerStatus, now: number): readonly string[] {
  const held: readonly (readonly [string, string | null])[] = [
    [`broker ${broker}`, credentialExpiresAt],
    ...domains.map((domain) => [`domain ${domain.name}`, domain.credentialExpiresAt] as const),
  ];
  return held.flatMap(([holder, at]) => {
    const left = at === null ? Number.POSITIVE_INFINITY : Date.parse(at) - now;
    if (left > WARN_MS) return [];
    const when = left <= 0 ? 'has expired' : `expires in ${Math.floor(left / 86_400_000)} days`;
    return [`expires   the credential of ${holder} ${when} (${at}); renew it: argus keys renew`];
  });
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

function memoryOf({ memory, sessionMemory }: DomainStatus): string {
  const inSession = sessionMemory.held === 0 ? '' : `\nin its session ${mebibytes(sessionMemory.held)}`;
  const heldBack = heldBackText(memory.heldBack + sessionMemory.heldBack);
  return `${mebibytes(memory.held)}/${mebibytes(memory.share)}${inSession}${heldBack}`;
}

function workOf({ work }: Pick<DomainStatus, 'work'>): string {
  return `${work.milliseconds} ms${heldBackText(work.heldBack)}`;
}

function heldBackText(times: number): string {
  return times === 0 ? '' : `\nheld back ${times}`;
}
