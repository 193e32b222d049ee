/** Checks the log's checkpoints: are they signed, by which key, and do they match the records? */
import {
  type Checkpoint,
  originOf,
  parseCheckpoint,
  parseVerifierKey,
  splitNotes,
  type VerifierKey,
  verifyNote,
} from '../evidence/index.ts';
import type { AuditReader } from '../files/files.ts';
import type { ChainCheck } from './check.ts';
import type { Problems } from './problems.ts';

export interface CheckpointReport {
  readonly count: number;
  /** Records up to the last checkpoint that a known key signed and that matches the records. */
  readonly covered: number;
  /** Records after it: only the chain protects them. */
  readonly uncovered: number;
  /**
   * `given`: by the caller. `beside the log`: proves little, because a process that writes the log can write this too.
   */
  readonly key: 'given' | 'beside the log' | 'none';
  readonly keyName: string | null;
  /** The remembered checkpoint's size, if one was given and matches the records. */
  readonly since: number | null;
  /** The last signed checkpoint, word for word. Keep it on another machine. */
  readonly last: string | null;
}

/** The file with the broker's verifier key. */
export const VKEY_FILE = 'checkpoint.vkey';
/** All checkpoints, oldest first. */
export const CHECKPOINTS_FILE = 'checkpoints';

interface Found {
  readonly text: string;
  readonly checkpoint: Checkpoint | null;
}

export class CheckpointCheck {
  readonly #found: readonly Found[];
  readonly #remembered: Found | null;
  readonly #keys: readonly VerifierKey[];
  readonly #keySource: CheckpointReport['key'];

  private constructor(
    found: readonly Found[],
    remembered: Found | null,
    keys: readonly VerifierKey[],
    keySource: CheckpointReport['key'],
  ) {
    this.#found = found;
    this.#remembered = remembered;
    this.#keys = keys;
    this.#keySource = keySource;
  }

  /** @param remembered text of a checkpoint that the caller kept; null: none */
  static async read(
    reader: AuditReader,
    keys: readonly VerifierKey[],
    remembered: string | null,
  ): Promise<CheckpointCheck> {
    const text = (await reader.readBeside(CHECKPOINTS_FILE)) ?? '';
    const beside = keys.length > 0 ? null : parseVerifierKey((await reader.readBeside(VKEY_FILE)) ?? '');
    return new CheckpointCheck(
      splitNotes(text).map(toFound),
      remembered === null ? null : toFound(remembered),
      beside === null ? keys : [beside],
      keys.length > 0 ? 'given' : beside === null ? 'none' : 'beside the log',
    );
  }

  /** Tree sizes whose roots are needed, ascending. */
  get sizes(): readonly number[] {
    const sizes = new Set<number>();
    for (const { checkpoint } of [...this.#found, ...(this.#remembered === null ? [] : [this.#remembered])])
      if (checkpoint !== null && checkpoint.size > 0) sizes.add(checkpoint.size);
    return [...sizes].sort((a, b) => a - b);
  }

  /** Names of the keys that sign this log: those given, or else those that its checkpoints claim. */
  get names(): readonly string[] {
    if (this.#keys.length > 0) return this.#keys.map(({ name }) => name);
    return this.#found.flatMap(({ checkpoint }) => (checkpoint === null ? [] : [originName(checkpoint.origin)]));
  }

  judge(check: ChainCheck, problems: Problems): CheckpointReport {
    let covered = 0;
    let last: string | null = null;
    let size = 0;
    for (const { text, checkpoint } of this.#found) {
      if (checkpoint === null) {
        problems.add('CHECKPOINT_MALFORMED', 'a piece of the checkpoint file is not a signed checkpoint');
        continue;
      }
      if (checkpoint.size < size)
        problems.add('CHECKPOINT_ORDER', `a checkpoint of ${checkpoint.size} records follows one of ${size}`);
      size = checkpoint.size;
      if (!this.#isTrue(checkpoint, check, problems)) continue;
      [covered, last] = [checkpoint.size, text];
    }
    this.#judgePruned(check, covered, problems);
    if (this.#keySource === 'given' && this.#found.length === 0)
      problems.add('CHECKPOINT_NONE', 'there is no checkpoint at all, though a key was given');
    return {
      count: this.#found.length,
      covered,
      uncovered: Math.max(0, check.treeSize - covered),
      key: this.#keySource,
      keyName: this.#keys[0]?.name ?? null,
      since: this.#judgeRemembered(check, problems),
      last,
    };
  }

  /** A process that can delete files can also write `pruned`, but cannot sign a record that states the removal. */
  #judgePruned(check: ChainCheck, covered: number, problems: Problems): void {
    if (check.prunedRecords === 0 || (check.statedAt !== null && check.statedAt <= covered)) return;
    const stated =
      check.statedAt === null ? 'no record states' : `no checkpoint covers record ${check.statedAt}, which states`;
    problems.add(
      'PRUNE_UNSTATED',
      `records 1 to ${check.prunedRecords} are missing, and ${stated} that retention removed them`,
    );
  }

  #isTrue(checkpoint: Checkpoint, check: ChainCheck, problems: Problems): boolean {
    const { size, origin } = checkpoint;
    const signature = this.#signature(checkpoint);
    if (signature === 'bad') {
      problems.add('CHECKPOINT_BAD_SIGNATURE', `the checkpoint of ${size} records has a false signature`);
      return false;
    }
    if (signature === 'absent') {
      problems.add('CHECKPOINT_WRONG_KEY', `the checkpoint of ${size} records is not signed by a known key`);
      return false;
    }
    const expected = check.firstLeaf === null ? null : originOf(originName(origin), check.firstLeaf);
    if (expected !== origin || !this.#mayOwn(origin)) {
      problems.add('CHECKPOINT_FOREIGN', `the checkpoint of ${size} records is one of another log, "${origin}"`);
      return false;
    }
    if (size > check.treeSize) {
      problems.add('CHECKPOINT_BEYOND', `${size} records were signed, the log ends with ${check.treeSize}`);
      return false;
    }
    // The records before the first one that is left are in the root of every later checkpoint.
    if (size < check.prunedRecords) return true;
    if (check.roots.get(size) === checkpoint.root) return true;
    problems.add('CHECKPOINT_MISMATCH', `the first ${size} records are not those that were signed`);
    return false;
  }

  /** Without any key no signature can be checked. `covered` then counts unverified claims. */
  #signature({ note }: Checkpoint): 'verified' | 'absent' | 'bad' {
    if (this.#keys.length === 0) return 'verified';
    const outcomes = this.#keys.map((key) => verifyNote(note, key));
    if (outcomes.includes('bad')) return 'bad';
    return outcomes.includes('verified') ? 'verified' : 'absent';
  }

  /** The broker's key signs only for its own log; a witness's key signs for many. */
  #mayOwn(origin: string): boolean {
    return this.#keys.length === 0 || this.#keys.some(({ name }) => origin.startsWith(`${name}/`));
  }

  #judgeRemembered(check: ChainCheck, problems: Problems): number | null {
    if (this.#remembered === null) return null;
    const { checkpoint } = this.#remembered;
    if (checkpoint === null || (this.#keySource === 'given' && this.#signature(checkpoint) !== 'verified')) {
      problems.add('SINCE_UNSIGNED', 'the remembered checkpoint is not one, or is not signed by the key');
      return null;
    }
    const { size, origin, root } = checkpoint;
    if (check.firstLeaf !== null && originOf(originName(origin), check.firstLeaf) !== origin)
      problems.add('SINCE_FOREIGN', `the remembered checkpoint is one of another log, "${origin}"`);
    else if (size > check.treeSize)
      problems.add('SINCE_MISSING', `${size} records are remembered, the log ends with ${check.treeSize}`);
    else if (size < check.prunedRecords) problems.add('SINCE_PRUNED', sincePruned(size, check.prunedRecords));
    else if (size > 0 && check.roots.get(size) !== root)
      problems.add('SINCE_MISMATCH', `the first ${size} records are not those that are remembered`);
    else return size;
    return null;
  }
}

export function sincePruned(remembered: number, pruned: number): string {
  return `${remembered} records are remembered, records 1 to ${pruned} were removed since: remember a newer checkpoint`;
}

function toFound(text: string): Found {
  return { text, checkpoint: parseCheckpoint(text) };
}

/** `argus/BROKER` of `argus/BROKER/ID`. */
export function originName(origin: string): string {
  return origin.slice(0, origin.lastIndexOf('/'));
}
