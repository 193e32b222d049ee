/** Who has borrowed bytes of the record being worked on: they copy them before its plaintext is given back. */
export interface Borrower {
  settle(): void;
}

export class Loans {
  readonly #borrowers: Borrower[] = [];

  add(borrower: Borrower): void {
    this.#borrowers.push(borrower);
  }

  /** After this nobody holds on to the record's bytes. */
  settle(): void {
    for (const borrower of this.#borrowers) borrower.settle();
    this.#borrowers.length = 0;
  }
}
