/** What a log says about the rows of a policy: which of them decided nothing. */
import { readAudit } from '../../../../../broker/audit/index.ts';
import { INSPECTORS } from '../../../../../broker/index.ts';
import type { PolicyRevision, Warning } from '../../../../../policy/index.ts';
import {
  type LoadedPolicy,
  loadedPolicyOf,
  PolicyArchive,
  RecordRow,
  UsageTally,
  unusedRows,
} from '../../../../audit/index.ts';
import { counted } from '../../../progress/index.ts';

export interface LogLook {
  readonly warnings: readonly Warning[];
  /** Why the log says nothing; null: it does. */
  readonly problem: string | null;
}

/**
 * @param since milliseconds since 1970
 * @throws AuditQuestionError ERR_AUDIT_NO_POLICY when the archive lacks the policy of that moment
 */
export async function rowsUnusedSince(policy: PolicyRevision, auditDirectory: string, since: number): Promise<LogLook> {
  const from = new Date(since).toISOString();
  const tally = new UsageTally();
  let before: LoadedPolicy | null = null;
  for await (const { parsed } of counted(readAudit(auditDirectory))) {
    if (typeof parsed === 'string') continue;
    const row = new RecordRow(parsed);
    if (String(row.get('time')) >= from) tally.add(row);
    else before = loadedPolicyOf(row) ?? before;
  }
  if (before === null) return { warnings: [], problem: `the log names no policy that was in force on ${from}` };
  const earlier = await new PolicyArchive(auditDirectory, INSPECTORS).policyOf(before);
  return { warnings: unusedRows(policy, earlier, tally, from), problem: null };
}
