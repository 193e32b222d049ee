/**
 * Shows each new checkpoint of a log to its witnesses, and keeps their cosignatures next to the log.
 *
 * The proof that a checkpoint extends the one that a witness knows is made from the records between the two: the feed
 * remembers the tree of the known one. Without that memory (a new disk, a witness that was restored) the witness says
 * how many records it knows, and the proof is made from all records.
 *
 * A witness that cannot be reached delays nothing. It is asked again with the next checkpoint, or after a minute.
 */
import type { Clock } from '../../base/index.ts';
import type { VerifierKey } from '../evidence/index.ts';
import { consistencyRanges, leafHash, parseCheckpoint, RangeRoots, verifyNote } from '../evidence/index.ts';
import type { AuditFiles } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { WITNESS_RETRY_MS } from '../limits.ts';
import { proveConsistency } from '../prove.ts';
import { lines } from '../read/lines.ts';
import type { SignedState } from '../signed-state.ts';
import { formatWitnessRequest, type WitnessAnswer } from './request.ts';

/** The way to one witness. */
export interface Cosigner {
  /** The name of its key. It stays the same when the key is replaced. */
  readonly name: string;
  /** Null: not known before the first `prepare`. */
  readonly key: VerifierKey | null;
  /** Called before each request: learns the present key of the witness. False: its credential is not accepted. */
  prepare?(): Promise<boolean>;
  /** Rejects when the witness cannot be reached. */
  add(request: string): Promise<WitnessAnswer>;
  /** Called after a cosignature by `key` was verified. False: the key was revoked meanwhile. */
  proven?(): boolean;
}

export type WitnessTrouble =
  /** It could not be reached, or did not answer as a witness does. */
  | 'UNREACHABLE'
  /** It refuses the log or its key. */
  | 'REFUSED'
  /** Its credential is missing, not of a witness, expired or revoked. It is shown nothing. */
  | 'UNTRUSTED'
  /** It remembers records that this log does not have: the log was cut off, rolled back or rewritten. */
  | 'CONFLICT'
  /** Its cosignature is not by its key. */
  | 'BAD_COSIGNATURE';

/** A file next to the checkpoints: the newest note that each witness has cosigned. */
export const COSIGNED_FILE = 'cosigned';
/** The trees of those notes, so that the next proof needs only the records since. */
export const COSIGNED_STATE_FILE = 'cosigned.state';

interface Course {
  readonly cosigner: Cosigner;
  /** What the witness has cosigned; null: not known. */
  known: SignedState | null;
  cosigned: string | null;
  running: Promise<void>;
  isBusy: boolean;
  trouble: WitnessTrouble | null;
}

export class WitnessFeed {
  readonly #files: AuditFiles;
  readonly #clock: Clock;
  readonly #courses = new Map<string, Course>();
  readonly #onTrouble: (witness: string, trouble: WitnessTrouble | null) => void;
  #newest: SignedState | null = null;
  #cancel: (() => void) | null = null;
  #isClosed = false;
  #writing: Promise<void> = Promise.resolve();

  /** `onTrouble` is called with each change; null: the witness cosigns again. */
  constructor(files: AuditFiles, clock: Clock, onTrouble: (witness: string, trouble: WitnessTrouble | null) => void) {
    this.#files = files;
    this.#clock = clock;
    this.#onTrouble = onTrouble;
  }

  /** Adds a witness, or another way to it. */
  async use(cosigner: Cosigner): Promise<void> {
    const { name } = cosigner;
    const known = await this.#remembered(name);
    this.#courses.set(name, {
      cosigner,
      known,
      cosigned: null,
      running: Promise.resolve(),
      isBusy: false,
      trouble: null,
    });
    this.#start();
  }

  /** A checkpoint was signed. */
  offer(state: SignedState): void {
    this.#newest = state;
    this.#start();
  }

  /** The witnesses and what each has cosigned last, records. */
  status(): readonly { readonly witness: string; readonly records: number; readonly trouble: WitnessTrouble | null }[] {
    return [...this.#courses].map(([witness, { known, trouble }]) => ({ witness, records: known?.size ?? 0, trouble }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.idle();
  }

  async idle(): Promise<void> {
    for (const course of this.#courses.values()) await course.running;
    await this.#writing;
  }

  #start(): void {
    if (this.#isClosed || this.#newest === null) return;
    for (const course of this.#courses.values()) {
      if (course.isBusy || course.known?.note === this.#newest.note) continue;
      course.isBusy = true;
      course.running = this.#run(course).finally(() => {
        course.isBusy = false;
      });
    }
  }

  async #run(course: Course): Promise<void> {
    for (let target = this.#newest; target !== null && target.note !== course.known?.note; target = this.#newest) {
      const trouble = await this.#show(course, target).catch((): WitnessTrouble => 'UNREACHABLE');
      if (trouble !== course.trouble) this.#onTrouble(course.cosigner.name, trouble);
      course.trouble = trouble;
      if (trouble === null && !this.#isClosed) continue;
      this.#arm();
      return;
    }
  }

  async #show(course: Course, target: SignedState): Promise<WitnessTrouble | null> {
    const { known, cosigner } = course;
    if ((await cosigner.prepare?.()) === false) return 'UNTRUSTED';
    const path = known === null ? [] : await this.#proof(known, target);
    const request = { old: known?.size ?? 0, path, checkpoint: target.note };
    let answer = await cosigner.add(formatWitnessRequest(request));
    if (answer.status === 409) {
      const size = Number(answer.body);
      // The same size, or more than there is: the witness has seen other records.
      if (!Number.isSafeInteger(size) || size === request.old || size > target.size) return 'CONFLICT';
      const { checkpoint, path: whole } = await proveConsistency('', size, this.#files);
      if (checkpoint !== target.note) return 'UNREACHABLE';
      answer = await cosigner.add(formatWitnessRequest({ old: size, path: whole, checkpoint }));
    }
    if (answer.status === 422 || answer.status === 409) return 'CONFLICT';
    if (answer.status !== 200) return 'REFUSED';
    return (await this.#keep(course, target, answer.body)) ? null : 'BAD_COSIGNATURE';
  }

  /** The records between the two, and the tree before them, give all hashes of the proof. */
  async #proof(known: SignedState, target: SignedState): Promise<readonly string[]> {
    const roots = new RangeRoots(consistencyRanges(known.size, target.size));
    for (const node of known.nodes) roots.node(node);
    let at = known.size;
    for await (const line of lines(this.#files, known.place)) {
      if (at >= target.size) break;
      roots.leaf(at, leafHash(line));
      at += 1;
    }
    return roots.roots();
  }

  async #keep(course: Course, target: SignedState, lines: string): Promise<boolean> {
    const cosigned = `${target.note}${lines}`;
    const note = parseCheckpoint(cosigned)?.note;
    const { cosigner } = course;
    if (note === undefined || cosigner.key === null || verifyNote(note, cosigner.key) !== 'verified') return false;
    if (cosigner.proven?.() === false) return false;
    course.known = target;
    course.cosigned = cosigned;
    this.#writing = this.#writing.then(() => this.#write()).catch(() => undefined);
    await this.#writing;
    return true;
  }

  /** If it cannot be written, the next proof costs more. Nothing else is lost. */
  async #write(): Promise<void> {
    const courses = [...this.#courses.values()];
    const notes = courses.flatMap(({ cosigned }) => (cosigned === null ? [] : [cosigned]));
    await this.#files.replaceBeside(COSIGNED_FILE, notes.join(''));
    const states = Object.fromEntries(courses.map(({ cosigner, known }) => [cosigner.name, known]));
    await this.#files.replaceBeside(COSIGNED_STATE_FILE, `${JSON.stringify(states)}\n`);
  }

  /** It is only a shortcut: a false one makes a proof that the witness refuses. */
  async #remembered(witness: string): Promise<SignedState | null> {
    try {
      const states: unknown = JSON.parse((await this.#files.readBeside(COSIGNED_STATE_FILE)) ?? '{}');
      const state = (states as { readonly [name: string]: SignedState | null })[witness];
      const isWhole = typeof state?.note === 'string' && Number.isSafeInteger(state.size) && Array.isArray(state.nodes);
      return isWhole && Number.isSafeInteger(state.place?.segment) ? state : null;
    } catch {
      // Not JSON: the same as no memory.
      return null;
    }
  }

  #arm(): void {
    if (this.#isClosed || this.#cancel !== null) return;
    this.#cancel = this.#clock.after(WITNESS_RETRY_MS, () => {
      this.#cancel = null;
      this.#start();
    });
  }
}

/** The feed of the log in a directory, whose broker holds the lock. */
export function openWitnessFeed(
  directory: string,
  clock: Clock,
  onTrouble: (witness: string, trouble: WitnessTrouble | null) => void,
): WitnessFeed {
  return new WitnessFeed(nodeFiles(directory), clock, onTrouble);
}
