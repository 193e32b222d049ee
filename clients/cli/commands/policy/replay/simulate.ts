/** `argus policy simulate`: what would have been decided otherwise if another policy had been in force? */
import { Command } from 'commander';
import { parseQuestion, predicateOf, RecordRow } from '../../../../audit/index.ts';
import { printJson } from '../../../output.ts';
import { controlOption } from '../../../sockets/control.ts';
import { load, type PolicyOption, policyOption } from '../directory.ts';
import { type AuditFlags, auditDirectory, auditOption } from '../sources.ts';
import { Comparison } from './comparison.ts';
import { type DecidedRecord, decidedRecords } from './recorded.ts';

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
  const comparison = new Comparison(candidate);
  for await (const record of decidedRecords(await auditDirectory(options))) if (wants(record)) comparison.see(record);
  if (options.json === true) printJson({ policy: candidate.hash, ...comparison.summary() });
  else process.stdout.write(`${comparison.lines().join('\n')}\n`);
}

/** Which records `--since` leaves. @throws AuditQuestionError for a moment that is none */
export function sinceFilter({ since }: SinceOption): (record: DecidedRecord) => boolean {
  if (since === undefined) return () => true;
  const wants = predicateOf(parseQuestion(`since="${since.replaceAll('"', '')}"`, Date.now()));
  return ({ seq, time }) => wants(new RecordRow({ seq, fields: { time } }));
}
