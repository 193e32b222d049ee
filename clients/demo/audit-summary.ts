/** The audit log of a finished demo: is its chain intact, and how many attempts does it show as refused? */
import { tailAudit, verifyAudit } from '../../broker/audit/index.ts';
import { recordFault } from '../../broker/record/index.ts';

export interface AuditSummary {
  readonly verified: boolean;
  readonly records: number;
  /** Hash of the last record, hex. */
  readonly head: string;
  /** Refused attempts, counting those that were collapsed into one record. */
  readonly denied: number;
}

export async function summarizeAudit(directory: string): Promise<AuditSummary> {
  const { ok: verified, records, head } = await verifyAudit(directory, { judge: ({ fields }) => recordFault(fields) });
  return { verified, records, head, denied: await countRefusals(directory) };
}

async function countRefusals(directory: string): Promise<number> {
  let refusals = 0;
  for await (const { parsed } of tailAudit(directory, { lines: Number.MAX_SAFE_INTEGER })) {
    if (typeof parsed === 'string') continue;
    const { decision, count } = parsed.fields;
    if (decision !== 'deny' && parsed.event !== 'session.refused' && parsed.event !== 'peer.fault') continue;
    refusals += typeof count === 'number' ? count : 1;
  }
  return refusals;
}
