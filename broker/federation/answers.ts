/** Answers to another broker, in order: a batch that waits for the audit log holds back those behind it. */
interface Batch {
  readonly frames: readonly Uint8Array[];
  isReady: boolean;
}

export class Answers {
  readonly #queue: (frame: Uint8Array) => void;
  #batches: Batch[] = [];

  constructor(queue: (frame: Uint8Array) => void) {
    this.#queue = queue;
  }

  /** `whenDurable`: runs its argument once what the batch tells of is in the log; null = it tells of nothing recorded. */
  push(frames: readonly Uint8Array[], whenDurable: ((effect: () => void) => void) | null): void {
    const batch = { frames, isReady: whenDurable === null };
    this.#batches.push(batch);
    whenDurable?.(() => {
      batch.isReady = true;
      this.#flush();
    });
    this.#flush();
  }

  /** Drops the queued answers: the session ended. */
  clear(): void {
    this.#batches = [];
  }

  #flush(): void {
    while (this.#batches[0]?.isReady === true) {
      for (const frame of this.#batches.shift()?.frames ?? []) this.#queue(frame);
    }
  }
}
