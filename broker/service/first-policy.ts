/**
 * The policy that a broker starts with.
 *
 *   source: watch      the directory; if it is broken, the last policy in force, from the archive
 *   source: applied    the last policy in force; the directory only when the archive is empty
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
} from '../../policy/index.ts';
import { INSPECTORS } from '../core/index.ts';
import type { PolicyOptions } from '../process/index.ts';
import type { Refusal } from './policy-change.ts';

export interface FirstPolicy {
  readonly policy: PolicyRevision;
  /** Null: the files of the directory are in force, or policies are applied and the directory is ignored. */
  readonly refusal: Refusal | null;
  /** The archived revision that the broker went back to; null: none. */
  readonly restored: number | null;
}

/** @throws PolicyError the reason to refuse the directory, when no archived policy can replace it */
export async function firstPolicy(options: PolicyOptions, archive: ArchiveReader): Promise<FirstPolicy> {
  const { directory, source, strict } = options;
  const entries = await archive.revisions();
  const revision = (entries.at(-1)?.revision ?? 0) + 1;
  if (source === 'applied') {
    const last = await newestWhole(entries, archive, directory, revision, strict);
    if (last !== null) return { policy: last.policy, refusal: null, restored: last.entry.revision };
  }
  try {
    return { policy: await loadPolicy(directory, { revision, inspectors: INSPECTORS }), refusal: null, restored: null };
  } catch (error) {
    if (strict || !(error instanceof PolicyError)) throw error;
    const last = await newestWhole(entries, archive, directory, revision, false);
    if (last === null) throw error;
    const { code, message, findings } = error;
    const refusal = { code, message, findings: findings.length, policy: error.policy };
    return { policy: last.policy, refusal, restored: last.entry.revision };
  }
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
