/** What the demo says while it goes on; where it is a guided one, its steps are numbered and explained. */
export class Narrator {
  readonly #out: NodeJS.WritableStream;
  readonly #isGuided: boolean;
  #steps = 0;

  constructor(out: NodeJS.WritableStream, isGuided: boolean) {
    this.#out = out;
    this.#isGuided = isGuided;
  }

  step(what: string): void {
    this.#steps++;
    this.line(this.#isGuided ? `\n${this.#steps}. ${what}` : what);
  }

  /** Said on a guided tour only. */
  why(text: string): void {
    if (this.#isGuided) this.line(`   ${text}`);
  }

  line(text: string): void {
    this.#out.write(`${text}\n`);
  }
}
