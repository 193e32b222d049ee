/** How late the periods of a stream come back, by the clock of its beginning. */
export class Lateness {
  readonly #periodMs: number;
  #dueAt: number;
  #missed = 0;
  #latestMs = 0;

  /** `begunAt`: the first period is due one period later. */
  constructor(periodMs: number, begunAt: number) {
    this.#periodMs = periodMs;
    this.#dueAt = begunAt;
  }

  /** The next period is back. One that is a whole period late was missed, and what follows is measured from it. */
  back(now: number): void {
    this.#dueAt += this.#periodMs;
    const lateMs = now - this.#dueAt;
    this.#latestMs = Math.max(this.#latestMs, lateMs);
    if (lateMs < this.#periodMs) return;
    this.#missed += Math.floor(lateMs / this.#periodMs);
    this.#dueAt = now;
  }

  result(): { readonly missed: number; readonly latestMs: number } {
    return { missed: this.#missed, latestMs: this.#latestMs };
  }
}
