/** Growing columns of numbers, and texts that are kept once. Pure. */

const FIRST_ROWS = 1_024;

/** Numbers by row; 8 bytes each. */
export class NumberColumn {
  #values = new Float64Array(FIRST_ROWS);

  at(row: number): number {
    return this.#values[row] ?? Number.NaN;
  }

  set(row: number, value: number): void {
    if (row >= this.#values.length) {
      const grown = new Float64Array(this.#values.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[row] = value;
  }
}

/** Texts by row, each different one kept once; 4 bytes a row. Id 0 is "absent". */
export class TextColumn {
  #ids = new Uint32Array(FIRST_ROWS);
  readonly #texts: (string | undefined)[] = [undefined];
  readonly #idOf = new Map<string, number>();

  /** How many different texts there are, absent included. */
  get size(): number {
    return this.#texts.length;
  }

  idAt(row: number): number {
    return this.#ids[row] ?? 0;
  }

  textOf(id: number): string | undefined {
    return this.#texts[id];
  }

  at(row: number): string | undefined {
    return this.#texts[this.#ids[row] ?? 0];
  }

  set(row: number, text: string | undefined): void {
    if (row >= this.#ids.length) {
      const grown = new Uint32Array(this.#ids.length * 2);
      grown.set(this.#ids);
      this.#ids = grown;
    }
    this.#ids[row] = text === undefined ? 0 : this.#intern(text);
  }

  #intern(text: string): number {
    let id = this.#idOf.get(text);
    if (id === undefined) {
      id = this.#texts.length;
      this.#texts.push(text);
      this.#idOf.set(text, id);
    }
    return id;
  }
}
