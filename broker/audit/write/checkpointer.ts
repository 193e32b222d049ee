/** Signs the log's checkpoints and brings them to disk beside it: by size, by time, at the start and at the end of a run. */
import type { CheckpointSigner, CompactRange } from '../evidence/index.ts';
import { formatVerifierKey, originOf, signCheckpoint } from '../evidence/index.ts';
import type { AuditFiles } from '../files/files.ts';
import { CHECKPOINT_RECORDS } from '../limits.ts';
import type { LinePlace } from '../read/lines.ts';
import { CHECKPOINTS_FILE, VKEY_FILE } from '../verify/index.ts';
import { cacheText, newestCheckpoint, STATE_FILE } from './state.ts';

/** What is on disk at the moment of asking. */
export interface SignedPart {
  readonly tree: CompactRange;
  readonly firstLeaf: string;
  /** Behind its last line. */
  readonly place: LinePlace;
}

export class Checkpointer {
  readonly #files: AuditFiles;
  readonly #signer: CheckpointSigner;
  #signed: number;
  #isKeyWritten = false;
  /** The last note may be on disk in part: it must be taken away before the next one. */
  #isTailDoubtful = false;

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

  /** Throws what the host throws; nothing is lost then, the next checkpoint covers more. */
  async write({ tree, firstLeaf, place }: SignedPart): Promise<void> {
    const size = tree.end;
    if (size === this.#signed) return;
    const { key } = this.#signer;
    const origin = originOf(key.name, firstLeaf);
    const root = tree.root();
    // Before the signature: both describe the same moment even if more is appended meanwhile.
    const cache = cacheText(firstLeaf, place, tree);
    const note = await signCheckpoint({ origin, size, root }, this.#signer);
    if (!this.#isKeyWritten) await this.#files.replaceBeside(VKEY_FILE, `${formatVerifierKey(key)}\n`);
    this.#isKeyWritten = true;
    if (this.#isTailDoubtful) await newestCheckpoint(this.#files);
    this.#isTailDoubtful = true;
    await this.#files.appendBeside(CHECKPOINTS_FILE, note);
    this.#isTailDoubtful = false;
    this.#signed = size;
    await this.#files.replaceBeside(STATE_FILE, cache);
  }
}
