/** The tasks for the end of the bench, no matter how it ends: last started, first stopped. */

export class Cleanup {
  readonly #steps: (() => Promise<void> | void)[] = [];
  #running: Promise<void> | undefined;

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  /** Idempotent: Ctrl-C during the ordinary end waits for the same run. One failing step does not keep the others from running. */
  run(): Promise<void> {
    this.#running ??= this.#unwind();
    return this.#running;
  }

  async #unwind(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        process.stderr.write(`bench: cleanup: ${String(error)}\n`);
      }
    }
  }
}
