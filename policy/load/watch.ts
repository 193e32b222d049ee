/**
 * Watches a policy directory: says when its content is another one and has come to rest.
 *
 * Editors write a new file next to the old one and rename it, or truncate and write; for a moment a file is missing or
 * half there. So a notice only starts a wait, each further one starts it again, and a content counts when two readings
 * in a row agree. There is an upper bound: files that are touched again and again are read all the same. Only the six
 * files count, and links through which they are reached: a log or a lock file next to them does not. The directory is
 * also looked at from time to time, because some file systems report nothing.
 */
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { WATCH_MAX_SETTLE_MS, WATCH_POLL_MS, WATCH_SETTLE_MS, WATCH_UNREADABLE_MS } from '../contract/index.ts';
import { PolicyError } from '../read/index.ts';
import { readPolicyFiles } from './directory.ts';
import { hashFiles, POLICY_FILE_NAMES } from './files.ts';

export interface WatchOptions {
  /**
   * `PolicyRevision.hash` of the policy in force, or what `print` said of it: a change between its load and this call is
   * noticed. Default: what is there now.
   */
  readonly hash?: string;
  /** The watched names. Default: the six files. */
  readonly names?: readonly string[];
  /** Reads the content, and describes it in a short text that changes with it. Default: the hash of the six files. */
  readonly print?: (directory: string) => Promise<string>;
  /** Milliseconds without a further change before the directory is read. Default: 200. */
  readonly settleMs?: number;
  /** Milliseconds after the first notice at which the directory is read in any case. Default: 2 000. */
  readonly maxSettleMs?: number;
  /** Milliseconds that a directory may be unusable (a file missing) before this counts as a change. Default: 2 000. */
  readonly unreadableMs?: number;
  /** Milliseconds between looks without a notice. Default: 5 000. */
  readonly pollMs?: number;
}

export interface PolicyWatch {
  /** Idempotent; `onChange` is not called any more. */
  close(): void;
}

/**
 * Calls `onChange` once for each new content of the directory, also when it has become unusable: `loadPolicy` then says
 * why. Never throws; does not keep the process alive.
 */
export function watchPolicy(directory: string, onChange: () => void, options: WatchOptions = {}): PolicyWatch {
  const {
    settleMs = WATCH_SETTLE_MS,
    maxSettleMs = WATCH_MAX_SETTLE_MS,
    unreadableMs = WATCH_UNREADABLE_MS,
    pollMs = WATCH_POLL_MS,
  } = options;
  const { names = POLICY_FILE_NAMES, print = hashOfFiles } = options;
  const content = { isOurs: (name: string) => name.startsWith('..') || names.includes(name), print };
  const waits = { settleMs, maxSettleMs, unreadableMs, pollMs };
  return new DirectoryWatch(directory, onChange, content, waits, options.hash ?? null);
}

interface Waits {
  readonly settleMs: number;
  readonly maxSettleMs: number;
  readonly unreadableMs: number;
  readonly pollMs: number;
}

interface WatchedContent {
  /** A watched file, or a link of the atomic kind that Kubernetes turns (`..data`). */
  readonly isOurs: (name: string) => boolean;
  readonly print: (directory: string) => Promise<string>;
}

class DirectoryWatch implements PolicyWatch {
  readonly #directory: string;
  readonly #onChange: () => void;
  readonly #content: WatchedContent;
  readonly #waits: Waits;
  readonly #poll: NodeJS.Timeout;
  #known: string | null;
  /** The result of the previous reading, if it was new. */
  #candidate: string | null = null;
  #watcher: FSWatcher | null = null;
  /** Watches the parent for the directory itself: a link that is turned, or a directory that is renamed. */
  #parent: FSWatcher | null = null;
  /** Monotonic milliseconds of the first notice that no reading has answered. */
  #noticedAt: number | null = null;
  /**
   * Inode of the watched directory; another one at its path means that the watcher looks at what has been moved away.
   */
  #inode = 0;
  #settle: NodeJS.Timeout | null = null;
  #reading = false;
  #closed = false;

  constructor(directory: string, onChange: () => void, content: WatchedContent, waits: Waits, known: string | null) {
    this.#directory = resolve(directory);
    this.#onChange = onChange;
    this.#content = content;
    this.#waits = waits;
    this.#known = known;
    this.#poll = setInterval(() => this.#look(), waits.pollMs);
    this.#poll.unref();
    this.#watchParent();
    this.#look();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    if (this.#settle !== null) clearTimeout(this.#settle);
    this.#watcher?.close();
    this.#watcher = null;
    this.#parent?.close();
    this.#parent = null;
  }

  #watchParent(): void {
    try {
      this.#parent = watch(dirname(this.#directory), { persistent: false }, (_, name) => {
        if (name !== null && name !== basename(this.#directory)) return;
        void this.#attach();
        this.#notice();
      });
      this.#parent.on('error', () => this.#parent?.close());
    } catch {
      // The poll is slower, and enough.
      this.#parent = null;
    }
  }

  /** Attaches the watcher if necessary, then reads, unless a running wait will read anyway. */
  #look(): void {
    void this.#attach().then(() => (this.#settle === null ? this.#read() : undefined));
  }

  #notice(): void {
    const now = performance.now();
    this.#noticedAt ??= now;
    const left = this.#noticedAt + this.#waits.maxSettleMs - now;
    if (left > 0 || this.#settle === null) this.#wait(Math.max(0, Math.min(this.#waits.settleMs, left)));
  }

  async #attach(): Promise<void> {
    const inode = await stat(this.#directory).then(
      (stats) => stats.ino,
      () => 0,
    );
    if (this.#closed || (this.#watcher !== null && inode === this.#inode)) return;
    this.#watcher?.close();
    this.#watcher = null;
    this.#inode = inode;
    if (inode === 0) return;
    try {
      this.#watcher = watch(this.#directory, { persistent: false }, (_, name) => {
        if (name === null || this.#content.isOurs(name)) this.#notice();
      });
      // A failed watcher only costs a faster poll. The next look attaches the watcher again.
      this.#watcher.on('error', () => {
        this.#watcher?.close();
        this.#watcher = null;
      });
    } catch {
      this.#watcher = null;
    }
  }

  #wait(ms: number): void {
    if (this.#closed) return;
    if (this.#settle !== null) clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      this.#settle = null;
      void this.#read();
    }, ms);
    this.#settle.unref();
  }

  async #read(): Promise<void> {
    if (this.#closed) return;
    if (this.#reading) return this.#wait(this.#waits.settleMs);
    this.#reading = true;
    const { print, usable } = await fingerprint(this.#directory, this.#content.print);
    this.#reading = false;
    if (this.#closed) return;
    const isOverdue = this.#noticedAt !== null && performance.now() - this.#noticedAt >= this.#waits.maxSettleMs;
    // Something moved while this was read: the wait that it started decides, unless it has been waited long enough.
    if (this.#settle !== null && !isOverdue) return;
    // Without a hash to compare with, the first content found is taken as the known content.
    this.#known ??= print;
    const candidate = this.#candidate;
    this.#candidate = null;
    if (print === this.#known) {
      this.#noticedAt = null;
      return;
    }
    if (print !== candidate && !(isOverdue && usable)) {
      this.#candidate = print;
      return this.#wait(usable ? this.#waits.settleMs : this.#waits.unreadableMs);
    }
    this.#noticedAt = null;
    this.#known = print;
    this.#onChange();
  }
}

async function hashOfFiles(directory: string): Promise<string> {
  return hashFiles(await readPolicyFiles(directory));
}

/** The hash of the content, or the fault of the directory. Both change when the content has to be read again. */
async function fingerprint(
  directory: string,
  print: WatchedContent['print'],
): Promise<{ readonly print: string; readonly usable: boolean }> {
  try {
    return { print: await print(directory), usable: true };
  } catch (error) {
    const findings =
      error instanceof PolicyError ? error.findings.map(({ file, message }) => `${file} ${message}`) : [];
    return { print: [String(error), ...findings].join('\n'), usable: false };
  }
}
