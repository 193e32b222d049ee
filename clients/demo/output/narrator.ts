/** Prints the demo's progress. In the guided tour the steps are numbered and explained. */
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

  /** An explanation; printed in the guided tour only. */
  why(text: string): void {
    if (this.#isGuided) this.line(`   ${text}`);
  }

  line(text: string): void {
    this.#out.write(`${text}\n`);
  }
}
