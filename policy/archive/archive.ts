/**
 * The archive of policies: every revision that came into force, with the files that it was made of.
 *
 * A record of the audit log names the revision that decided it. With the archive, that decision can be made again years
 * later, and a broker whose policy directory is broken starts with the policy that was in force before.
 */
import { hashFiles, type PolicyFiles } from '../load/index.ts';
import type { RevisionEntry } from './entry.ts';

/** The entries that were dropped because the archive was full. */
export interface Loss {
  readonly policies: number;
  readonly revisions: number;
}

export interface ArchiveReader {
  /** Oldest first. */
  revisions(): Promise<readonly RevisionEntry[]>;
  /**
   * The six files of a policy, by its hash; null when the archive does not have them. Their content is compared with the
   * hash, so a damaged file is an error and never another policy.
   *
   * @throws PolicyError ERR_POLICY_ARCHIVE
   */
  files(hash: string): Promise<PolicyFiles | null>;
  /** Hashes of the policies whose files are kept: those that were in force, and those that are staged. */
  policies(): Promise<readonly string[]>;
}

export interface RevisionArchive extends ArchiveReader {
  /** The revision of the newest entry; 0 for an empty archive. */
  readonly newest: number;
  /** True when `keep` has nothing to write. */
  has(hash: string): boolean;
  /**
   * Resolves when the files are on disk.
   *
   * @throws PolicyError ERR_POLICY_ARCHIVE
   */
  keep(hash: string, files: PolicyFiles): Promise<void>;
  /** Appends to the journal; the caller has kept the files. @throws PolicyError ERR_POLICY_ARCHIVE */
  note(entry: RevisionEntry): Promise<void>;
}

/** In memory, for tests and for a broker that runs inside one. */
export function memoryArchive(): RevisionArchive {
  const kept = new Map<string, PolicyFiles>();
  const journal: RevisionEntry[] = [];
  return {
    get newest() {
      return journal.at(-1)?.revision ?? 0;
    },
    has: (hash) => kept.has(hash),
    keep: async (hash, files) => void kept.set(hash, files),
    note: async (entry) => void journal.push(entry),
    revisions: async () => [...journal],
    policies: async () => [...kept.keys()],
    files: async (hash) => {
      const files = kept.get(hash);
      return files !== undefined && hashFiles(files) === hash ? files : null;
    },
  };
}
