/** The entries of the register that the audit log on disk holds after a record. */
import { readAudit } from '../../audit/index.ts';

/** @returns the ids in `key.issue` and `key.revoke` after record `seq` */
export async function entriesAfter(directory: string, seq: number): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for await (const { parsed } of readAudit(directory)) {
    if (typeof parsed === 'string' || parsed.seq <= seq) continue;
    if (parsed.event !== 'key.issue' && parsed.event !== 'key.revoke') continue;
    const { entry } = parsed.fields.detail as { readonly entry?: unknown };
    if (typeof entry === 'string') ids.add(entry);
  }
  return ids;
}
