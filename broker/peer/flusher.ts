/**
 * Collects the sessions with new frames to send, and flushes each once at the end of the event loop's turn. So all
 * frames of one turn for a receiver share records, and a single frame waits only for the end of the turn.
 */
export interface Flushable {
  flush(): void;
}

export class Flusher {
  readonly #atTurnsEnd: (task: () => void) => void;
  #dirty: Flushable[] = [];
  readonly #run = (): void => {
    const batch = this.#dirty;
    this.#dirty = [];
    for (const item of batch) item.flush();
  };

  constructor(atTurnsEnd: (task: () => void) => void = setImmediate) {
    this.#atTurnsEnd = atTurnsEnd;
  }

  /** `item` must not be added again before its `flush` was called. */
  add(item: Flushable): void {
    if (this.#dirty.push(item) === 1) this.#atTurnsEnd(this.#run);
  }
}
