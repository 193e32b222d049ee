/** What the policy of a start allows more and less than the policy of the run before it: it may have changed in between. */
import {
  type AccessSummary,
  archivedFiles,
  compileFiles,
  finish,
  PolicyError,
  type PolicyRevision,
  type RevisionArchive,
  type RevisionEntry,
  regrantPolicy,
  summarizeAccess,
} from '../../../policy/index.ts';
import { INSPECTORS } from '../../core/index.ts';

/**
 * Undefined: the archive is empty, so there is nothing to compare with. Null: the policy of the run before is not there any
 * more, or this broker cannot read it.
 */
export async function firstAccess(
  policy: PolicyRevision,
  archive: RevisionArchive,
): Promise<AccessSummary | null | undefined> {
  const last = (await archive.revisions()).at(-1);
  if (last === undefined) return undefined;
  try {
    return finish(summarizeAccess(await policyOf(last, policy, archive), policy));
  } catch (error) {
    if (error instanceof PolicyError) return null;
    throw error;
  }
}

/** With its grants, which have ended with the run. */
async function policyOf(last: RevisionEntry, now: PolicyRevision, archive: RevisionArchive): Promise<PolicyRevision> {
  const { revision } = last;
  const before =
    last.policy === now.hash
      ? now
      : await compileFiles(now.directory, await archivedFiles(archive, last.policy), {
          revision,
          inspectors: INSPECTORS,
        });
  const grants = last.grants.map((grant) => {
    const [domain = '', label = ''] = grant.split(' ');
    return { domain, label };
  });
  return grants.length === 0 ? before : regrantPolicy(before, revision, grants);
}
