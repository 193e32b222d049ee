/** What the audit log has to say of attempts that were refused. */
import { tailAudit } from '../../broker/audit/index.ts';

/** Refusals in the log, counted with what was collapsed into them. */
export async function countRefusals(directory: string): Promise<number> {
  let refusals = 0;
  for await (const { parsed } of tailAudit(directory, { lines: Number.MAX_SAFE_INTEGER })) {
    if (typeof parsed === 'string') continue;
    const { decision, count } = parsed.fields;
    if (decision !== 'deny' && parsed.event !== 'session.refused' && parsed.event !== 'peer.fault') continue;
    refusals += typeof count === 'number' ? count : 1;
  }
  return refusals;
}
