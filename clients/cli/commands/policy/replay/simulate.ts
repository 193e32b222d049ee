/** `argus policy simulate`: what would have been decided otherwise if another policy had been in force? */
import { Command } from 'commander';
import {
  decideAgain,
  type Grant,
  isDecidedByRows,
  PolicyError,
  type PolicyRevision,
  regrantPolicy,
} from '../../../../../policy/index.ts';
import { parseQuestion, predicateOf, RecordRow } from '../../../../audit/index.ts';
import { printJson } from '../../../output.ts';
import { controlOption } from '../../../sockets/control.ts';
import { load, type PolicyOption, policyOption } from '../directory.ts';
import { type AuditFlags, auditDirectory, auditOption } from '../sources.ts';
import { type DecidedRecord, decidedRecords } from './recorded.ts';
import { requestOf } from './replay.ts';

/** Changed requests that are shown; all are counted. */
const MAX_SHOWN = 50;

interface Changed {
  readonly request: string;
  readonly was: 'allow' | 'deny';
  readonly now: 'allow' | 'deny';
  /** The row that decides now; null: no row allows it. */
  readonly rule: string | null;
  records: number;
  /** Messages, or denials. */
  messages: number;
  readonly first: number;
  last: number;
}

export interface SinceOption {
  readonly since?: string;
}

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('decide the audit log by another policy directory, and show what would change; applies nothing')
    .addOption(policyOption())
    .addOption(auditOption())
    .addOption(controlOption())
    .option('--since <moment>', 'only records from then on: today, 7d, 2026-11-20')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus policy simulate --policy ./draft --audit /var/log/argus --since week-ago',
    )
    .action(simulate);
}

async function simulate(options: PolicyOption & AuditFlags & SinceOption & { readonly json?: true }): Promise<void> {
  const candidate = await load(options.policy);
  const wants = sinceFilter(options);
  const overlays = new Overlays(candidate);
  const changed = new Map<string, Changed>();
  let decided = 0;
  for await (const record of decidedRecords(await auditDirectory(options))) {
    if (!wants(record) || !isDecidedByRows(record.decision)) continue;
    decided++;
    const policy = overlays.with(record.policy?.grants ?? []);
    const now = decideAgain(policy, record.decision);
    if (now.allowed !== record.decision.allowed)
      add(changed, record, now.rule === null ? null : `${now.rule.file}:${now.rule.line}`);
  }
  const all = [...changed.values()].sort((a, b) => b.messages - a.messages);
  const result = {
    policy: candidate.hash,
    decided,
    unchanged: decided - all.reduce((sum, { records }) => sum + records, 0),
  };
  if (options.json === true) printJson({ ...result, changed: all, droppedGrants: [...overlays.dropped] });
  else process.stdout.write(`${linesOf(decided, all, overlays.dropped).join('\n')}\n`);
}

/** Which records `--since` leaves. @throws AuditQuestionError for a moment that is none */
export function sinceFilter({ since }: SinceOption): (record: DecidedRecord) => boolean {
  if (since === undefined) return () => true;
  const wants = predicateOf(parseQuestion(`since="${since.replaceAll('"', '')}"`, Date.now()));
  return ({ seq, time }) => wants(new RecordRow({ seq, fields: { time } }));
}

/** The candidate with the grants of a moment. */
class Overlays {
  readonly #candidate: PolicyRevision;
  readonly #made = new Map<string, PolicyRevision>();
  /** Grants that the candidate does not bear. */
  readonly dropped = new Set<string>();

  constructor(candidate: PolicyRevision) {
    this.#candidate = candidate;
  }

  with(grants: readonly Grant[]): PolicyRevision {
    const key = grants.map(textOf).join();
    let policy = this.#made.get(key);
    if (policy === undefined) {
      policy = this.#make(grants);
      this.#made.set(key, policy);
    }
    return policy;
  }

  #make(grants: readonly Grant[]): PolicyRevision {
    let best = this.#candidate;
    for (const grant of grants) {
      try {
        best = regrantPolicy(best, best.revision, [...best.grants, grant]);
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        this.dropped.add(textOf(grant));
      }
    }
    return best;
  }
}

function textOf({ domain, label }: Grant): string {
  return `${domain} ${label}`;
}

function add(changed: Map<string, Changed>, record: DecidedRecord, rule: string | null): void {
  const request = requestOf(record);
  const { seq, count, decision } = record;
  const was = decision.allowed ? 'allow' : 'deny';
  const known = changed.get(`${was} ${request}`);
  if (known === undefined) {
    const now = decision.allowed ? 'deny' : 'allow';
    changed.set(`${was} ${request}`, { request, was, now, rule, records: 1, messages: count, first: seq, last: seq });
    return;
  }
  known.records++;
  known.messages += count;
  known.last = seq;
}

function linesOf(decided: number, all: readonly Changed[], dropped: ReadonlySet<string>): string[] {
  if (decided === 0) return ['no decisions in the log to look at'];
  const lines = [
    all.length === 0
      ? `nothing would change: ${decided} records, the same decisions`
      : `${all.length} ${all.length === 1 ? 'request' : 'requests'} would be decided otherwise (${decided} records looked at)`,
  ];
  for (const { request, was, now, rule, messages, first, last } of all.slice(0, MAX_SHOWN)) {
    const mark = now === 'allow' ? '+' : '-';
    lines.push(
      `  ${mark} ${request}  ${was} -> ${now} (${rule ?? 'no row allows it'}), ${messages} times, records ${first} to ${last}`,
    );
  }
  if (all.length > MAX_SHOWN) lines.push(`  … showing ${MAX_SHOWN} of ${all.length}`);
  for (const grant of dropped) lines.push(`  the candidate does not bear the grant ${grant}`);
  return lines;
}
