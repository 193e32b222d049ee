/** Signs checkpoints and stores them next to the log: by size, by time, at the start and at the end of a run. */
import type { CheckpointSigner, CompactRange } from '../evidence/index.ts';
import { formatVerifierKey, originOf, parseCheckpoint, signCheckpoint, splitNotes } from '../evidence/index.ts';
import type { AuditFiles } from '../files/files.ts';
import { CHECKPOINT_RECORDS } from '../limits.ts';
import type { LinePlace } from '../read/lines.ts';
import type { SignedState } from '../signed-state.ts';
import { CHECKPOINTS_FILE, VKEY_FILE } from '../verify/index.ts';
import { cacheText, newestCheckpoint, STATE_FILE } from './state.ts';

/** The part of the log that is on disk now. */
export interface SignedPart {
  readonly tree: CompactRange;
  readonly firstLeaf: string;
  /** The place after its last line. */
  readonly place: LinePlace;
}

export class Checkpointer {
  readonly #files: AuditFiles;
  readonly #signer: CheckpointSigner;
  #signed: number;
  #isKeyWritten = false;
  /** The last note may be partly on disk. It must be removed before the next one is written. */
  #isTailDoubtful = false;
  /** Checkpoints of fewer records are removed with the next one. */
  #forgetBefore = 0;
  /** Called when a checkpoint is on disk. */
  onSigned: (state: SignedState) => void = () => undefined;

  constructor(files: AuditFiles, signer: CheckpointSigner, signed: number) {
    this.#files = files;
    this.#signer = signer;
    this.#signed = signed;
  }

  /** Records that the newest checkpoint covers. */
  get signed(): number {
    return this.#signed;
  }

  isDue(size: number): boolean {
    return size - this.#signed >= CHECKPOINT_RECORDS;
  }

  /** Throws the host's errors. Nothing is lost then: the next checkpoint covers these records too. */
  async write({ tree, firstLeaf, place }: SignedPart): Promise<void> {
    const size = tree.end;
    if (size === this.#signed) return;
    const { key } = this.#signer;
    const origin = originOf(key.name, firstLeaf);
    const root = tree.root();
    // Made before the signature, so that both describe the same state even if records are appended during the signing.
    const cache = cacheText(firstLeaf, place, tree);
    const nodes = [...tree.nodes];
    const note = await signCheckpoint({ origin, size, root }, this.#signer);
    if (!this.#isKeyWritten) await this.#files.replaceBeside(VKEY_FILE, `${formatVerifierKey(key)}\n`);
    this.#isKeyWritten = true;
    if (this.#isTailDoubtful) await newestCheckpoint(this.#files);
    await this.#forget();
    this.#isTailDoubtful = true;
    await this.#files.appendBeside(CHECKPOINTS_FILE, note);
    this.#isTailDoubtful = false;
    this.#signed = size;
    this.onSigned({ note, size, place, nodes });
    await this.#files.replaceBeside(STATE_FILE, cache);
  }

  /** Their records were removed, so nothing can be compared with them any more. The newest checkpoint stays. */
  forgetBefore(records: number): void {
    this.#forgetBefore = records;
  }

  async #forget(): Promise<void> {
    if (this.#forgetBefore === 0) return;
    const notes = splitNotes((await this.#files.readBeside(CHECKPOINTS_FILE)) ?? '');
    const kept = notes.filter(
      (note) => (parseCheckpoint(note)?.size ?? Number.POSITIVE_INFINITY) >= this.#forgetBefore,
    );
    if (kept.length > 0 && kept.length < notes.length) await this.#files.replaceBeside(CHECKPOINTS_FILE, kept.join(''));
    this.#forgetBefore = 0;
  }
}
