/**
 * A witness (c2sp.org/tlog-witness): remembers the newest checkpoint of each log, and cosigns a newer one only if it
 * extends the remembered one. So a log that was cut off or written anew gets no cosignature any more.
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
  /** Its own key, of the type for cosignatures. */
  readonly signer: CheckpointSigner;
  readonly store: WitnessStore;
  /** Milliseconds since 1970. The time is information: no decision rests on it. */
  readonly now: () => number;
}

export class Witness {
  readonly #parts: WitnessParts;
  /** By origin; the newest cosigned one is the last. */
  readonly #known = new Map<string, Checkpoint & { readonly text: string }>();
  #running: Promise<unknown> = Promise.resolve();

  private constructor(parts: WitnessParts) {
    this.#parts = parts;
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
    return this.#parts.signer.key;
  }

  /** The newest cosigned checkpoint of each log, the newest last. */
  get notes(): string {
    return [...this.#known.values()].map(({ text }) => text).join('');
  }

  /** Answers one `add-checkpoint`. Rejects only with the host's errors. */
  add(request: string): Promise<WitnessAnswer> {
    const answer = this.#running.then(() => this.#add(request));
    this.#running = answer.catch(() => undefined);
    return answer;
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
    const { signer, store, now } = this.#parts;
    const { name, keyId } = signer.key;
    const seconds = Math.floor(now() / 1_000);
    const made = cosignature(seconds, await signer.sign(cosignedMessage(checkpoint.note.text, seconds)));
    const line = { name, keyId, signature: made };
    // Other cosignatures are not kept: this witness has not verified them.
    const own = checkpoint.note.signatures.filter((one) => this.#parts.logs().some((key) => isBy(one, key)));
    const text = formatNote({ text: checkpoint.note.text, signatures: [...own, line] });
    const before = this.notes;
    this.#known.delete(checkpoint.origin);
    this.#known.set(checkpoint.origin, { ...checkpoint, text });
    try {
      await store.replace(this.notes);
    } catch (error) {
      this.#restore(before);
      throw error;
    }
    return { status: 200, body: formatSignatureLine(line) };
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
