/** `argus policy replay`: decides every decision of the audit log again, by the archived policy that made it. */
import { Command } from 'commander';
import { archiveOf, decideAgain, differencesFrom, isDecidedByRows, readArchive } from '../../../../../policy/index.ts';
import { printJson } from '../../../output.ts';
import { controlOption } from '../../../sockets/control.ts';
import { type AuditFlags, auditDirectory, auditOption } from '../sources.ts';
import { ArchivedPolicies, type DecidedRecord, decidedRecords } from './recorded.ts';

/** Differences that are shown; all are counted. */
const MAX_SHOWN = 20;

interface Difference {
  readonly seq: number;
  readonly request: string;
  readonly differences: readonly string[];
}

interface Report {
  decided: number;
  equal: number;
  /** Denials that depend on the message, by reason. */
  readonly byMessage: Map<string, number>;
  /** Records whose policy is not in the archive, by its hash. */
  readonly missing: Map<string, number>;
  readonly policies: Set<string>;
  readonly different: Difference[];
}

export function replayCommand(): Command {
  return new Command('replay')
    .description('decide the audit log again by the archived policies; exit code 1 unless every decision is the same')
    .addOption(auditOption())
    .addOption(controlOption())
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy replay --audit /var/log/argus')
    .action(replay);
}

async function replay(options: AuditFlags & { readonly json?: true }): Promise<void> {
  const directory = await auditDirectory(options);
  const policies = new ArchivedPolicies(readArchive(archiveOf(directory)));
  const report: Report = {
    decided: 0,
    equal: 0,
    byMessage: new Map(),
    missing: new Map(),
    policies: new Set(),
    different: [],
  };
  for await (const record of decidedRecords(directory)) await decide(record, policies, report);
  const isWhole = report.missing.size === 0;
  if (report.equal !== report.decided || !isWhole) process.exitCode = 1;
  if (options.json === true) printJson(toJson(report));
  else process.stdout.write(`${linesOf(report).join('\n')}\n`);
}

async function decide(record: DecidedRecord, policies: ArchivedPolicies, report: Report): Promise<void> {
  const { decision, seq } = record;
  if (!isDecidedByRows(decision)) return count(report.byMessage, decision.reason ?? 'none');
  const policy = record.policy === null ? null : await policies.of(record.policy);
  if (policy === null) return count(report.missing, record.policy?.hash ?? `revision ${record.revision}`);
  report.policies.add(policy.hash);
  report.decided++;
  const differences = differencesFrom(decision, decideAgain(policy, decision));
  if (differences.length === 0) report.equal++;
  else report.different.push({ seq, request: requestOf(record), differences });
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

export function requestOf({ decision }: Pick<DecidedRecord, 'decision'>): string {
  const { source, destination, className, permission } = decision;
  return `${source} ${destination}:${className} { ${permission} }`;
}

function linesOf({ decided, equal, byMessage, missing, policies, different }: Report): string[] {
  const verdict =
    different.length > 0
      ? `FAIL: ${different.length} of ${decided} decisions are other ones now`
      : missing.size > 0
        ? `INCOMPLETE: ${equal} decisions are the same, others have no policy in the archive`
        : `PASS: ${decided} ${decided === 1 ? 'decision is' : 'decisions are'} the same, under ${policies.size} ${policies.size === 1 ? 'policy' : 'policies'}`;
  const shown = different
    .slice(0, MAX_SHOWN)
    .map(({ seq, request, differences }) => `  record ${seq}: ${request}: ${differences.join('; ')}`);
  const rest = different.length > MAX_SHOWN ? [`  … showing ${MAX_SHOWN} of ${different.length}`] : [];
  const gaps = [...missing].map(
    ([hash, records]) => `  ${records} records: ${hash.slice(0, 24)} is not in the archive`,
  );
  const message = [...byMessage].map(([reason, records]) => `${reason} ${records}`).join(', ');
  return [
    verdict,
    ...shown,
    ...rest,
    ...gaps,
    ...(message === '' ? [] : [`  decided by the message, not by rows: ${message}`]),
  ];
}

function toJson({ decided, equal, byMessage, missing, policies, different }: Report): object {
  return {
    ok: equal === decided && missing.size === 0,
    decided,
    equal,
    policies: [...policies],
    byMessage: Object.fromEntries(byMessage),
    missing: Object.fromEntries(missing),
    different,
  };
}
