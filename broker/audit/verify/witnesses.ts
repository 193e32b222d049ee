/**
 * Compares the log with what witnesses have cosigned. A witness remembers the newest checkpoint of each log, so nobody
 * else has to: records that it has seen must still be there, unaltered.
 */
import {
  type Checkpoint,
  cosignedAt,
  originOf,
  parseCheckpoint,
  splitNotes,
  type VerifierKey,
  verifyNote,
} from '../evidence/index.ts';
import type { ChainCheck } from './check.ts';
import { originName } from './checkpoints.ts';
import type { Problems } from './problems.ts';

/** The notes of one witness, and the place that they come from. */
export interface WitnessedNotes {
  readonly from: string;
  readonly text: string;
}

export interface WitnessedOptions {
  /** What witnesses remember: all that they have seen of this log must still be there. */
  readonly witnessed?: readonly WitnessedNotes[];
  /** Keys that may sign the log. None: the log's signatures on the notes are not checked. */
  readonly keys?: readonly VerifierKey[];
  /** Keys that must have cosigned what the witnesses remember. None: cosignatures are not checked. */
  readonly witnessKeys?: readonly VerifierKey[];
  /** So many different witnesses must have seen this log. */
  readonly quorum?: number;
}

export interface WitnessReport {
  readonly from: string;
  /** The key that cosigned; null: no key was given. */
  readonly name: string | null;
  /** Records that it has seen, and that are still there. */
  readonly size: number;
  /** By the witness's own clock, seconds since 1970. */
  readonly cosignedAt: number | null;
}

/** Those that count for a quorum: one witness at two places is one witness. */
export function witnessesOf(reports: readonly WitnessReport[]): readonly string[] {
  return [...new Set(reports.map(({ from, name }) => name ?? from))];
}

export class WitnessCheck {
  readonly #places: readonly { readonly from: string; readonly found: readonly (Checkpoint | null)[] }[];
  readonly #logKeys: readonly VerifierKey[];
  readonly #witnessKeys: readonly VerifierKey[];
  readonly #quorum: number;

  constructor({ witnessed: places = [], keys: logKeys = [], witnessKeys = [], quorum = 0 }: WitnessedOptions) {
    this.#places = places.map(({ from, text }) => ({ from, found: splitNotes(text).map(parseCheckpoint) }));
    this.#logKeys = logKeys;
    this.#witnessKeys = witnessKeys;
    this.#quorum = quorum;
  }

  /** Tree sizes whose roots are needed. */
  get sizes(): readonly number[] {
    return this.#places.flatMap(({ found }) => found.flatMap((one) => (one === null ? [] : [one.size])));
  }

  /** @param names names of the keys that sign this log */
  judge(check: ChainCheck, names: readonly string[], problems: Problems): readonly WitnessReport[] {
    const reports = this.#places.flatMap(({ from, found }) => {
      if (found.includes(null)) problems.add('WITNESS_MALFORMED', `"${from}" holds a piece that is not a checkpoint`);
      const ofBroker = found.filter((one) => one !== null && names.includes(originName(one.origin)));
      const newest = ofBroker.findLast((one) => one?.origin === this.#ownOrigin(one, check)) ?? null;
      const last = ofBroker.at(-1) ?? null;
      if (last === null) problems.add('WITNESS_UNKNOWN', `"${from}" knows no checkpoint of this log`);
      else if (last !== newest)
        problems.add('WITNESS_OTHER_LOG', `"${from}" has cosigned another log of this broker, "${last.origin}", since`);
      return newest === null ? [] : this.#compare(from, newest, check, problems);
    });
    const seen = witnessesOf(reports).length;
    if (seen < this.#quorum)
      problems.add('WITNESS_QUORUM', `${seen} witnesses have seen this log, and ${this.#quorum} have to`);
    return reports;
  }

  #ownOrigin(one: Checkpoint | null, { firstLeaf }: ChainCheck): string | null {
    return one === null || firstLeaf === null ? null : originOf(originName(one.origin), firstLeaf);
  }

  #compare(from: string, one: Checkpoint, check: ChainCheck, problems: Problems): readonly WitnessReport[] {
    const { note, size, root } = one;
    const by = this.#witnessKeys.find((key) => verifyNote(note, key) === 'verified') ?? null;
    const isSigned = this.#logKeys.length === 0 || this.#logKeys.some((key) => verifyNote(note, key) === 'verified');
    if (!isSigned || (by === null && this.#witnessKeys.length > 0))
      problems.add('WITNESS_UNSIGNED', `the note in "${from}" is not signed by the ${isSigned ? 'witness' : 'log'}`);
    else if (size > check.treeSize)
      problems.add('WITNESS_BEYOND', `"${from}" has seen ${size} records, the log ends with ${check.treeSize}`);
    else if (size >= check.prunedRecords && size > 0 && check.roots.get(size) !== root)
      problems.add('WITNESS_MISMATCH', `the first ${size} records are not those that "${from}" has seen`);
    else return [{ from, name: by?.name ?? null, size, cosignedAt: by === null ? null : cosignedAt(note, by) }];
    return [];
  }
}
