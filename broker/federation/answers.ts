/** Answers to another broker, in order: a batch that waits for the audit log also delays the batches after it. */
interface Batch {
  readonly frames: readonly Uint8Array[];
  isReady: boolean;
}

export class Answers {
  readonly #queue: (frame: Uint8Array) => void;
  #batches: Batch[] = [];
  #heldBytes = 0;

  constructor(queue: (frame: Uint8Array) => void) {
    this.#queue = queue;
  }

  /** Bytes that wait for the log. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * `whenDurable` runs its argument once the records behind the batch are in the log; null = there are no such records.
   */
  push(frames: readonly Uint8Array[], whenDurable: ((effect: () => void) => void) | null): void {
    const batch = { frames, isReady: whenDurable === null };
    this.#batches.push(batch);
    this.#heldBytes += bytesOf(frames);
    whenDurable?.(() => {
      batch.isReady = true;
      this.#flush();
    });
    this.#flush();
  }

  /** Drops the queued answers: the session ended. */
  clear(): void {
    this.#batches = [];
    this.#heldBytes = 0;
  }

  #flush(): void {
    while (this.#batches[0]?.isReady === true) {
      const frames = this.#batches.shift()?.frames ?? [];
      this.#heldBytes -= bytesOf(frames);
      for (const frame of frames) this.#queue(frame);
    }
  }
}

function bytesOf(frames: readonly Uint8Array[]): number {
  return frames.reduce((sum, frame) => sum + frame.length, 0);
}
