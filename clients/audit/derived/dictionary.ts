/** All texts of an index, each kept once. A column holds their numbers. Pure. */
export class Dictionary {
  /** Number 0 means "absent", so it has no text. */
  readonly #texts: string[] = [''];
  readonly #idOf = new Map<string, number>();

  get size(): number {
    return this.#texts.length;
  }

  /** The number of a text, which is added if it is new. */
  idOf(text: string | undefined): number {
    if (text === undefined) return 0;
    const known = this.#idOf.get(text);
    if (known !== undefined) return known;
    const id = this.#texts.length;
    this.#texts.push(text);
    this.#idOf.set(text, id);
    return id;
  }

  find(text: string): number | null {
    return this.#idOf.get(text) ?? null;
  }

  textOf(id: number): string | undefined {
    return id === 0 ? undefined : this.#texts[id];
  }

  /** Numbers of the texts that the function accepts. */
  idsOf(wants: (text: string) => boolean): number[] {
    const found: number[] = [];
    for (let id = 1; id < this.#texts.length; id++) if (wants(this.#texts[id] ?? '')) found.push(id);
    return found;
  }
}
