/**
 * A witness (c2sp.org/tlog-witness): remembers the newest checkpoint of each log, and cosigns a newer one only if it
 * extends the remembered one. So a log that was cut off or rewritten gets no cosignature any more.
 *
 * What the witness knows is a text of notes, one behind the other, the newest last. It is on disk before a cosignature
 * leaves, so a crash never makes the witness forget what it has cosigned. One request runs at a time.
 */
import { AuditError } from '../errors.ts';
import {
  type Checkpoint,
  type CheckpointSigner,
  cosignature,
  cosignedMessage,
  formatNote,
  formatSignatureLine,
  isConsistent,
  type NoteSignature,
  parseCheckpoint,
  splitNotes,
  type VerifierKey,
  verifyNote,
} from '../evidence/index.ts';
import { MAX_WITNESSED_LOGS } from '../limits.ts';
import { parseWitnessRequest, type WitnessAnswer } from './request.ts';

/** Where a witness keeps what it knows. */
export interface WitnessStore {
  read(): Promise<string | null>;
  /** Returns once the text is on disk, completely. */
  replace(text: string): Promise<void>;
}

export interface WitnessParts {
  /** Keys of the logs that it cosigns. A key `argus/BROKER` speaks for each log of that broker. */
  readonly logs: () => readonly VerifierKey[];
  /** Its own key, of the type for cosignatures. `takeOver` replaces it. */
  readonly signer: CheckpointSigner;
  readonly store: WitnessStore;
  /** Milliseconds since 1970. The time is information: no decision rests on it. */
  readonly now: () => number;
}

/** A cosigned checkpoint, and its note word for word. */
type Known = Checkpoint & { readonly text: string };

export class Witness {
  readonly #parts: WitnessParts;
  /** By origin; the newest cosigned one is the last. */
  readonly #known = new Map<string, Known>();
  #signer: CheckpointSigner;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(parts: WitnessParts) {
    this.#parts = parts;
    this.#signer = parts.signer;
  }

  /** Throws ERR_AUDIT_WITNESS when the stored text is damaged: a witness that forgot would cosign anything. */
  static async open(parts: WitnessParts): Promise<Witness> {
    const witness = new Witness(parts);
    for (const text of splitNotes((await parts.store.read()) ?? '')) {
      const checkpoint = parseCheckpoint(text);
      if (checkpoint === null)
        throw new AuditError('ERR_AUDIT_WITNESS', 'what this witness has cosigned cannot be read: restore it');
      witness.#known.set(checkpoint.origin, { ...checkpoint, text });
    }
    return witness;
  }

  get key(): VerifierKey {
    return this.#signer.key;
  }

  /** The newest cosigned checkpoint of each log, the newest last. */
  get notes(): string {
    return [...this.#known.values()].map(({ text }) => text).join('');
  }

  /** True when the newest note is cosigned by this key. */
  isCosignedBy(key: VerifierKey): boolean {
    const newest = [...this.#known.values()].at(-1);
    return newest !== undefined && verifyNote(newest.note, key) === 'verified';
  }

  /** Answers one `add-checkpoint`. Rejects only with the host's errors. */
  add(request: string): Promise<WitnessAnswer> {
    return this.#next(() => this.#add(request));
  }

  /**
   * Goes on with another key. What the witness remembers is cosigned again by the new key, so that an auditor who trusts
   * the new key alone can compare a log whose broker has stopped. Rejects only with the host's errors.
   */
  takeOver(signer: CheckpointSigner): Promise<void> {
    return this.#next(async () => {
      const before = this.notes;
      for (const [origin, checkpoint] of this.#known)
        this.#known.set(origin, this.#cosigned(checkpoint, await this.#cosignature(checkpoint, signer)));
      await this.#write(before);
      this.#signer = signer;
    });
  }

  /** One after the other. */
  #next<Result>(step: () => Promise<Result>): Promise<Result> {
    const result = this.#running.then(step);
    this.#running = result.catch(() => undefined);
    return result;
  }

  async #add(text: string): Promise<WitnessAnswer> {
    const request = parseWitnessRequest(text);
    const checkpoint = request === null ? null : parseCheckpoint(request.checkpoint);
    if (request === null || checkpoint === null || request.old > checkpoint.size) return refused(400, 'malformed');
    const keys = this.#parts.logs().filter(({ name }) => checkpoint.origin.startsWith(`${name}/`));
    if (keys.length === 0) return refused(404, 'unknown log');
    if (!keys.some((key) => verifyNote(checkpoint.note, key) === 'verified')) return refused(403, 'not signed');
    const known = this.#known.get(checkpoint.origin);
    // The caller claims what the witness knows; the witness compares, and does not believe it.
    if (request.old !== (known?.size ?? 0)) return { status: 409, body: `${known?.size ?? 0}\n` };
    if (known !== undefined) {
      const { size, root } = known;
      if (size === checkpoint.size && root !== checkpoint.root) return { status: 409, body: `${size}\n` };
      if (!isConsistent(size, checkpoint.size, root, checkpoint.root, request.path)) return refused(422, 'proof');
    } else if (request.path.length > 0) return refused(422, 'proof');
    else if (this.#known.size >= MAX_WITNESSED_LOGS) return refused(403, 'too many logs');
    return this.#cosign(checkpoint);
  }

  async #cosign(checkpoint: Checkpoint): Promise<WitnessAnswer> {
    const line = await this.#cosignature(checkpoint, this.#signer);
    const before = this.notes;
    this.#known.delete(checkpoint.origin);
    this.#known.set(checkpoint.origin, this.#cosigned(checkpoint, line));
    await this.#write(before);
    return { status: 200, body: formatSignatureLine(line) };
  }

  /** Returns once the notes are on disk. If the disk refuses these, the witness knows again what it knew before. */
  async #write(before: string): Promise<void> {
    try {
      await this.#parts.store.replace(this.notes);
    } catch (error) {
      this.#restore(before);
      throw error;
    }
  }

  async #cosignature({ note }: Checkpoint, signer: CheckpointSigner): Promise<NoteSignature> {
    const { key } = signer;
    const seconds = Math.floor(this.#parts.now() / 1_000);
    const signature = cosignature(seconds, await signer.sign(cosignedMessage(note.text, seconds)));
    return { name: key.name, keyId: key.keyId, signature };
  }

  /** Other cosignatures are not kept: this witness has not verified them. */
  #cosigned(checkpoint: Checkpoint, line: NoteSignature): Known {
    const { text, signatures } = checkpoint.note;
    const own = signatures.filter((one) => this.#parts.logs().some((key) => isBy(one, key)));
    const note = { text, signatures: [...own, line] };
    return { ...checkpoint, note, text: formatNote(note) };
  }

  #restore(notes: string): void {
    this.#known.clear();
    for (const text of splitNotes(notes)) {
      const checkpoint = parseCheckpoint(text);
      if (checkpoint !== null) this.#known.set(checkpoint.origin, { ...checkpoint, text });
    }
  }
}

function isBy(one: { readonly name: string; readonly keyId: string }, key: VerifierKey): boolean {
  return one.name === key.name && one.keyId === key.keyId;
}

function refused(status: 400 | 403 | 404 | 422, body: string): WitnessAnswer {
  return { status, body: `${body}\n` };
}
