/**
 * Copies that are put off until the whole record has been worked through, so that consecutive frames are copied in one go.
 * They are made before the record's plaintext is given back.
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
