/** Places for carriers that are not authenticated yet. The place of a refused carrier stays taken for a while. */

/** Releases the place. `wasRefused`: only after the delay. Idempotent. */
export type Release = (wasRefused: boolean) => void;

export class Places {
  readonly #max: number;
  readonly #keepMs: number;
  readonly #after: (delayMs: number, task: () => void) => void;
  #taken = 0;

  /** `after`: runs a task later. */
  constructor(max: number, keepMs: number, after: (delayMs: number, task: () => void) => void = later) {
    this.#max = max;
    this.#keepMs = keepMs;
    this.#after = after;
  }

  /** Null when every place is taken: the caller must refuse the carrier. */
  take(): Release | null {
    if (this.#taken >= this.#max) return null;
    this.#taken++;
    let isReleased = false;
    return (wasRefused) => {
      if (isReleased) return;
      isReleased = true;
      if (wasRefused) this.#after(this.#keepMs, () => this.#taken--);
      else this.#taken--;
    };
  }
}

function later(delayMs: number, task: () => void): void {
  setTimeout(task, delayMs).unref();
}
