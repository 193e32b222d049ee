/** A policy of the archive by the name that a person types: the number of a revision, or the first digits of a hash. */
import type { PolicyFiles } from '../load/index.ts';
import { PolicyError } from '../read/index.ts';
import type { ArchiveReader } from './archive.ts';
import type { RevisionEntry } from './entry.ts';

/** Fewer digits of a hash are too easily those of another policy. */
const MIN_HASH_DIGITS = 8;

export interface FoundPolicy {
  readonly hash: string;
  /** Null: it was staged and never in force. */
  readonly entry: RevisionEntry | null;
}

/** @throws PolicyError ERR_POLICY_QUESTION when no policy, or more than one, has this name */
export async function findArchived(archive: ArchiveReader, name: string): Promise<FoundPolicy> {
  const entries = await archive.revisions();
  if (/^[1-9]\d{0,6}$/.test(name)) {
    const entry = entries.findLast(({ revision }) => revision === Number(name));
    if (entry === undefined) throw unknown(`no revision ${name} in the archive; argus policy log lists them`);
    return { hash: entry.policy, entry };
  }
  if (!new RegExp(`^[0-9a-f]{${MIN_HASH_DIGITS},64}$`).test(name))
    throw unknown(`"${name}" is neither a revision nor at least ${MIN_HASH_DIGITS} digits of a policy's hash`);
  const all = new Set([...(await archive.policies()), ...entries.map(({ policy }) => policy)]);
  const [hash, ...others] = [...all].filter((each) => each.startsWith(name));
  if (hash === undefined) throw unknown(`no policy ${name} in the archive; argus policy log lists them`);
  if (others.length > 0) throw unknown(`${name} is the beginning of ${others.length + 1} hashes; say more digits`);
  return { hash, entry: entries.findLast(({ policy }) => policy === hash) ?? null };
}

/** The six files of a policy. @throws PolicyError ERR_POLICY_ARCHIVE when they were dropped or are damaged */
export async function archivedFiles(archive: ArchiveReader, hash: string): Promise<PolicyFiles> {
  const files = await archive.files(hash);
  if (files !== null) return files;
  const message = `the files of policy ${hash.slice(0, 12)} are no longer in the archive: it is bounded, and the oldest go`;
  throw new PolicyError('ERR_POLICY_ARCHIVE', message);
}

function unknown(message: string): PolicyError {
  return new PolicyError('ERR_POLICY_QUESTION', message);
}
