/** Places for carriers that nobody has authenticated yet; one that ended in a refusal stays taken for a while. */

/** Gives the place back. `wasRefused` keeps it taken for the delay. Idempotent. */
export type Release = (wasRefused: boolean) => void;

export class Places {
  readonly #max: number;
  readonly #keepMs: number;
  #taken = 0;

  constructor(max: number, keepMs: number) {
    this.#max = max;
    this.#keepMs = keepMs;
  }

  /** Null when every place is taken: the carrier is turned away. */
  take(): Release | null {
    if (this.#taken >= this.#max) return null;
    this.#taken++;
    let isReleased = false;
    return (wasRefused) => {
      if (isReleased) return;
      isReleased = true;
      if (wasRefused) setTimeout(() => this.#taken--, this.#keepMs).unref();
      else this.#taken--;
    };
  }
}
