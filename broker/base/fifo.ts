/**
 * A queue over a circular array that doubles when full. It allocates nothing per item. A taken slot is cleared, so that
 * the queue does not keep the item alive.
 *
 * Invariant: the items are at `(#head + i) & #mask` for i in [0, length), all other slots are `undefined`.
 */
const FIRST_CAPACITY = 16;

export class Fifo<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(FIRST_CAPACITY).fill(undefined);
  #mask = FIRST_CAPACITY - 1;
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length > this.#mask) this.#grow();
    this.#slots[(this.#head + this.#length) & this.#mask] = item;
    this.#length++;
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.#length--;
    return item;
  }

  /** The `index`-th item from the front; `undefined` after the end. */
  at(index: number): T | undefined {
    return index < this.#length ? this.#slots[(this.#head + index) & this.#mask] : undefined;
  }

  /** Replaces the `index`-th item with `item`. */
  replace(index: number, item: T): void {
    if (index < this.#length) this.#slots[(this.#head + index) & this.#mask] = item;
  }

  /**
   * Removes the entries for which `isKept` is false; the others keep their order. Calls it once per entry, from the
   * front.
   */
  retain(isKept: (item: T) => boolean): void {
    for (let left = this.#length; left > 0; left--) {
      const item = this.shift();
      if (item !== undefined && isKept(item)) this.push(item);
    }
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    const slots = new Array<T | undefined>(capacity).fill(undefined);
    for (let i = 0; i < this.#length; i++) slots[i] = this.#slots[(this.#head + i) & this.#mask];
    this.#slots = slots;
    this.#mask = capacity - 1;
    this.#head = 0;
  }
}
