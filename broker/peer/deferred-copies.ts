/**
 * Copies that are deferred until the whole record is processed, so that consecutive frames are copied at once. They are
 * made before the memory of the record's plaintext is reused.
 */
export interface DeferredCopy {
  copyNow(): void;
}

export class DeferredCopies {
  readonly #pending: DeferredCopy[] = [];

  add(copy: DeferredCopy): void {
    this.#pending.push(copy);
  }

  /** After this call no copy refers to the bytes of the record. */
  copyAll(): void {
    for (const copy of this.#pending) copy.copyNow();
    this.#pending.length = 0;
  }
}
