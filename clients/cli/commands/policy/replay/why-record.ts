/** `argus policy why --seq N`: a record of the audit log, explained by the archived policy that decided it. */
import { InvalidArgumentError } from 'commander';
import {
  archiveOf,
  decideAgain,
  differencesFrom,
  isDecidedByRows,
  PolicyError,
  type PolicyRevision,
  readArchive,
} from '../../../../../policy/index.ts';
import { printJson } from '../../../output.ts';
import { type AuditFlags, auditDirectory } from '../sources.ts';
import { explain, explanationJson, explanationText } from '../why/explanation.ts';
import { questionOf } from '../why/question.ts';
import { ArchivedPolicies, type DecidedRecord, decidedRecords } from './recorded.ts';
import { requestOf } from './replay.ts';

export function readSeq(text: string): number {
  const seq = Number(text);
  if (Number.isSafeInteger(seq) && seq >= 1) return seq;
  throw new InvalidArgumentError('the number of a record, 1 or more');
}

/** Exit code 1 when the archived policy decides otherwise than the record says. */
export async function whyRecord(options: AuditFlags & { readonly json?: true }, seq: number): Promise<void> {
  const directory = await auditDirectory(options);
  const record = await recordNumbered(directory, seq);
  if (!isDecidedByRows(record.decision)) return printByMessage(record, options.json === true);
  const policy = await archivedPolicy(directory, record);
  const differences = differencesFrom(record.decision, decideAgain(policy, record.decision));
  const { source, destination, className, permission } = record.decision;
  const question = questionOf(policy, [source, destination, className, permission]);
  // The port of a ring's record is one of the source, and class argo is asked about no port.
  const port = className === 'argo' ? undefined : (record.port ?? undefined);
  const explanation = await explain(policy, question, port);
  if (differences.length > 0) process.exitCode = 1;
  if (options.json === true) {
    printJson({
      ...explanationJson(explanation),
      record: recordJson(record),
      isSame: differences.length === 0,
      differences,
    });
    return;
  }
  const verdict =
    differences.length === 0
      ? 'the archived policy decides the same'
      : `the archived policy DECIDES OTHERWISE: ${differences.join('; ')}`;
  process.stdout.write(`${explanationText(explanation)}\n  ${recordLine(record)}\n  decided again: ${verdict}\n`);
}

/** @throws PolicyError ERR_POLICY_QUESTION when the log has no such record, or when it holds no decision */
async function recordNumbered(directory: string, seq: number): Promise<DecidedRecord> {
  for await (const record of decidedRecords(directory)) {
    if (record.seq === seq) return record;
    if (record.seq > seq) break;
  }
  const message = `record ${seq} is not in the log, or it holds no decision: argus audit why ${directory} ${seq} shows it`;
  throw new PolicyError('ERR_POLICY_QUESTION', message);
}

async function archivedPolicy(directory: string, { policy, revision }: DecidedRecord): Promise<PolicyRevision> {
  if (policy === null) {
    const message = `the log does not say which policy revision ${revision} was: its beginning is missing`;
    throw new PolicyError('ERR_POLICY_QUESTION', message);
  }
  const archived = await new ArchivedPolicies(readArchive(archiveOf(directory))).of(policy);
  if (archived !== null) return archived;
  throw new PolicyError('ERR_POLICY_ARCHIVE', `policy ${policy.hash} of revision ${revision} is not in the archive`);
}

/** No row decided it: the bytes of the message did, or a name that no policy declared. */
function printByMessage(record: DecidedRecord, isJson: boolean): void {
  const reason = record.decision.reason ?? 'none';
  if (isJson) {
    printJson({ record: recordJson(record), allowed: false, reason, decidedByRows: false });
    return;
  }
  process.stdout.write(
    `DENY ${requestOf(record)}\n  reason: ${reason}  the message was denied for what it held, not by a row\n  ${recordLine(record)}\n`,
  );
}

function recordLine({ seq, time, event, revision, count }: DecidedRecord): string {
  return `record: ${seq}, ${time}, ${event}, revision ${revision}${count === 1 ? '' : `, ${count} times`}`;
}

function recordJson({ seq, time, event, revision, count, port }: DecidedRecord): object {
  return { seq, time, event, revision, count, port };
}
