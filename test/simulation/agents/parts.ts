/** The parts of an agent in one process: each is started again for as long as it cannot start, as a supervisor does it. */
import type { Process } from '../engine/process.ts';

const START_AGAIN_MS = 500;

export class Parts {
  readonly #process: Process;
  readonly #say: (text: string) => void;
  readonly #stops: (() => Promise<unknown>)[] = [];
  #isStopping = false;

  constructor(process: Process, say: (text: string) => void) {
    this.#process = process;
    this.#say = say;
  }

  /** `take` gets the part once it has started; the result is what stops it. */
  keep<Part>(name: string, start: () => Promise<Part>, take: (part: Part) => () => Promise<unknown>): void {
    start().then(
      (part) => {
        if (!this.#process.isAlive) return;
        this.#stops.push(take(part));
      },
      (error: unknown) => {
        this.#say(`${name} does not start: ${error instanceof Error ? error.message : error}`);
        if (this.#isStopping) return;
        this.#process.schedule(START_AGAIN_MS, `${name} starts again`, () => this.keep(name, start, take));
      },
    );
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.allSettled(this.#stops.map((stop) => stop()));
  }
}
