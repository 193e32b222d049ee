/**
 * The policy that a broker starts with.
 *
 *   source: watch      the directory; if it is broken, the last policy in force, from the archive
 *   source: applied    the last policy in force; the directory only when the archive is empty
 *   source: signed     the bundle, from the directory or (nats) from the server's bucket; if it is refused, the last bundle that was accepted. The archive may hold policies
 *                      that nobody signed, so it is not used.
 *
 * A broker never starts with an empty or half-read policy. With `strict` it refuses to start instead of restoring a
 * policy.
 */
import {
  type ArchiveReader,
  compileFiles,
  loadPolicy,
  PolicyError,
  type PolicyRevision,
  type RevisionEntry,
} from '../../../policy/index.ts';
import { INSPECTORS } from '../../core/index.ts';
import type { PolicyOptions } from '../../process/index.ts';
import type { Refusal } from './policy-change.ts';
import type { SignedPolicy } from './signed-policy.ts';

export interface FirstPolicy {
  readonly policy: PolicyRevision;
  /** Null: the files of the directory are in force, or policies are applied and the directory is ignored. */
  readonly refusal: Refusal | null;
  /** What the broker went back to, in words; null: it did not go back. */
  readonly restored: string | null;
}

/**
 * @param signed the bundles, for a broker that accepts nothing else; null for any other broker
 * @throws PolicyError the reason to refuse the directory, when no earlier policy can replace it
 */
export async function firstPolicy(
  options: Pick<PolicyOptions, 'directory' | 'source' | 'strict'>,
  archive: ArchiveReader,
  signed: SignedPolicy | null = null,
): Promise<FirstPolicy> {
  const { directory, source, strict } = options;
  const entries = await archive.revisions();
  const revision = (entries.at(-1)?.revision ?? 0) + 1;
  if (signed !== null) return firstBundle(signed, directory, revision, strict);
  if (source === 'applied') {
    const last = await newestWhole(entries, archive, directory, revision, strict);
    if (last !== null) return { policy: last.policy, refusal: null, restored: archived(last.entry) };
  }
  try {
    return { policy: await loadPolicy(directory, { revision, inspectors: INSPECTORS }), refusal: null, restored: null };
  } catch (error) {
    if (strict || !(error instanceof PolicyError)) throw error;
    const last = await newestWhole(entries, archive, directory, revision, false);
    if (last === null) throw error;
    return { policy: last.policy, refusal: refusalOf(error), restored: archived(last.entry) };
  }
}

async function firstBundle(
  signed: SignedPolicy,
  directory: string,
  revision: number,
  strict: boolean,
): Promise<FirstPolicy> {
  const options = { revision, inspectors: INSPECTORS };
  try {
    return { policy: await signed.load(directory, options), refusal: null, restored: null };
  } catch (error) {
    if (strict || !(error instanceof PolicyError)) throw error;
    const policy = await signed.lastGood(directory, options);
    if (policy === null) throw error;
    return { policy, refusal: refusalOf(error), restored: `bundle ${signed.status?.version}, the last accepted one` };
  }
}

function refusalOf({ code, message, findings, policy }: PolicyError): Refusal {
  return { code, message, findings: findings.length, policy };
}

function archived({ revision }: RevisionEntry): string {
  return `revision ${revision} of the archive`;
}

/** The newest revision whose files are in the archive and still compile. Skips damaged ones, unless `strict`. */
async function newestWhole(
  entries: readonly RevisionEntry[],
  archive: ArchiveReader,
  directory: string,
  revision: number,
  strict: boolean,
): Promise<{ readonly policy: PolicyRevision; readonly entry: RevisionEntry } | null> {
  const tried = new Set<string>();
  for (const entry of [...entries].reverse()) {
    if (tried.has(entry.policy)) continue;
    tried.add(entry.policy);
    try {
      const files = await archive.files(entry.policy);
      if (files === null) continue;
      return { policy: await compileFiles(directory, files, { revision, inspectors: INSPECTORS }), entry };
    } catch (error) {
      if (strict || !(error instanceof PolicyError)) throw error;
    }
  }
  return null;
}
