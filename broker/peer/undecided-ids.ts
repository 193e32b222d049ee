/**
 * The ids of one session's sends that remote brokers have not decided yet, oldest first. Each remote broker decides in
 * order, but sends to different remote brokers can be decided out of order.
 */

/**
 * Decided entries before the first undecided one are dropped once they are at least this many, and half of all entries.
 */
const MIN_DROPPED = 1_024;
const DECIDED = -1;

export class UndecidedIds {
  readonly #ids: number[] = [];
  #head = 0;

  /** The oldest undecided id; undefined when there is none. */
  get first(): number | undefined {
    return this.#ids[this.#head];
  }

  push(id: number): void {
    this.#ids.push(id);
  }

  /**
   * 'first': it was the oldest, so more can be acknowledged. 'later': it was not. 'unknown': the id is not undecided.
   */
  decide(id: number): 'first' | 'later' | 'unknown' {
    const index = this.#ids[this.#head] === id ? this.#head : this.#ids.indexOf(id, this.#head);
    if (index < 0) return 'unknown';
    this.#ids[index] = DECIDED;
    if (index > this.#head) return 'later';
    while (this.#ids[this.#head] === DECIDED) this.#head++;
    if (this.#head >= MIN_DROPPED && this.#head * 2 >= this.#ids.length) {
      this.#ids.splice(0, this.#head);
      this.#head = 0;
    }
    return 'first';
  }
}
