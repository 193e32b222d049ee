/**
 * The archive in a directory of the host.
 *
 *   revisions.jsonl       the journal, one revision a line, oldest first
 *   files/ policies/      the content (file-store.ts)
 *
 * One broker writes; other processes may read the directory meanwhile. A crash can tear the last line of the
 * journal: it is skipped, and the next entry begins on a line of its own.
 */
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { replaceFile } from '../../broker/files/index.ts';
import type { PolicyFiles } from '../load/index.ts';
import type { ArchiveReader, Loss, RevisionArchive } from './archive.ts';
import { parseEntry, type RevisionEntry } from './entry.ts';
import { codeOf, FileStore, makePrivate, unreadable, unwritable } from './file-store.ts';
import { JOURNAL_KEPT_SHARE, MAX_ARCHIVE_BYTES, MAX_JOURNAL_ENTRIES } from './limits.ts';

const JOURNAL = 'revisions.jsonl';
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;

/** Where the archive of an audit log is: in its directory, so that both are kept, copied and set aside together. */
export function archiveOf(auditDirectory: string): string {
  return join(auditDirectory, 'policies');
}

export interface ArchiveLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

const DEFAULT_LIMITS: ArchiveLimits = { maxBytes: MAX_ARCHIVE_BYTES, maxEntries: MAX_JOURNAL_ENTRIES };

/** Reads only; works next to a running broker. A directory that is not there is an empty archive. */
export function readArchive(directory: string): ArchiveReader {
  const root = resolve(directory);
  const store = new FileStore(root);
  return {
    revisions: async () => (await readJournal(root)).entries,
    files: (hash) => store.get(hash),
    policies: () => store.policies(),
  };
}

/**
 * Opens the archive to write, and makes it if need be (mode 0700, files 0600).
 *
 * @param onLoss told when old revisions were dropped, because the archive is bounded
 * @throws PolicyError ERR_POLICY_ARCHIVE
 */
export async function openArchive(
  directory: string,
  onLoss: (loss: Loss) => void = () => {},
  limits: Partial<ArchiveLimits> = {},
): Promise<RevisionArchive> {
  const root = resolve(directory);
  await makePrivate(root);
  const store = new FileStore(root);
  await store.prepare();
  const { entries, isTorn } = await readJournal(root);
  const policies = await store.policies();
  const bytes = await store.bytes();
  return new DiskArchive(root, store, { entries, isTorn, policies, bytes, onLoss, ...DEFAULT_LIMITS, ...limits });
}

interface Opened extends ArchiveLimits {
  readonly entries: readonly RevisionEntry[];
  readonly isTorn: boolean;
  readonly policies: readonly string[];
  readonly bytes: number;
  readonly onLoss: (loss: Loss) => void;
}

class DiskArchive implements RevisionArchive {
  readonly #root: string;
  readonly #store: FileStore;
  readonly #limits: ArchiveLimits;
  readonly #onLoss: (loss: Loss) => void;
  readonly #kept: Set<string>;
  #entries: RevisionEntry[];
  #bytes: number;
  #isTorn: boolean;
  /** Writes take turns. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(root: string, store: FileStore, opened: Opened) {
    this.#root = root;
    this.#store = store;
    this.#limits = opened;
    this.#onLoss = opened.onLoss;
    this.#kept = new Set(opened.policies);
    this.#entries = [...opened.entries];
    this.#bytes = opened.bytes;
    this.#isTorn = opened.isTorn;
  }

  get newest(): number {
    return this.#entries.at(-1)?.revision ?? 0;
  }

  has(hash: string): boolean {
    return this.#kept.has(hash);
  }

  async revisions(): Promise<readonly RevisionEntry[]> {
    return [...this.#entries];
  }

  async policies(): Promise<readonly string[]> {
    return [...this.#kept];
  }

  files(hash: string): Promise<PolicyFiles | null> {
    return this.#store.get(hash);
  }

  keep(hash: string, files: PolicyFiles): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#kept.has(hash)) return;
      await this.#store.put(hash, files);
      this.#kept.add(hash);
      this.#bytes = await this.#store.bytes();
      if (this.#bytes > this.#limits.maxBytes) await this.#dropOldest(hash);
    });
  }

  note(entry: RevisionEntry): Promise<void> {
    return this.#inTurn(async () => {
      const path = join(this.#root, JOURNAL);
      try {
        const handle = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
        try {
          await handle.writeFile(`${this.#isTorn ? '\n' : ''}${JSON.stringify(entry)}\n`);
          await handle.datasync();
        } finally {
          await handle.close();
        }
      } catch (cause) {
        // Part of the line may be there.
        this.#isTorn = true;
        throw unwritable(path, cause);
      }
      this.#isTorn = false;
      this.#entries.push(entry);
      if (this.#entries.length > this.#limits.maxEntries) await this.#shorten();
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Removes the least recently used policies first. The newest one and the one in force stay. */
  async #dropOldest(newest: string): Promise<void> {
    const stay = new Set([newest, this.#entries.at(-1)?.policy]);
    const lastUse = new Map([...this.#kept].map((hash) => [hash, 0]));
    this.#entries.forEach(({ policy }, index) => {
      if (lastUse.has(policy)) lastUse.set(policy, index + 1);
    });
    const order = [...lastUse].sort(([, a], [, b]) => a - b).map(([hash]) => hash);
    let dropped = 0;
    for (const hash of order) {
      if (this.#bytes <= this.#limits.maxBytes) break;
      if (stay.has(hash)) continue;
      await this.#store.drop(new Set([hash]));
      this.#kept.delete(hash);
      this.#bytes = await this.#store.bytes();
      dropped++;
    }
    if (dropped > 0) this.#onLoss({ policies: dropped, revisions: 0 });
  }

  async #shorten(): Promise<void> {
    const kept = this.#entries.slice(-Math.max(1, Math.floor(this.#limits.maxEntries * JOURNAL_KEPT_SHARE)));
    const revisions = this.#entries.length - kept.length;
    const path = join(this.#root, JOURNAL);
    try {
      await replaceFile(path, kept.map((entry) => `${JSON.stringify(entry)}\n`).join(''), 0o600);
    } catch (cause) {
      throw unwritable(path, cause);
    }
    this.#entries = kept;
    this.#onLoss({ policies: 0, revisions });
  }
}

async function readJournal(root: string): Promise<{ entries: RevisionEntry[]; isTorn: boolean }> {
  const path = join(root, JOURNAL);
  try {
    const text = await readFile(path, { encoding: 'utf8', flag: constants.O_RDONLY | O_NOFOLLOW });
    const entries = text.split('\n').flatMap((line) => parseEntry(line) ?? []);
    return { entries, isTorn: text !== '' && !text.endsWith('\n') };
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return { entries: [], isTorn: false };
    throw unreadable(path, cause);
  }
}
