/** Messages per second of one flow, from the `flow` records of its last half minute. Pure. */

/** Three intervals of flow records. */
const WINDOW_MS = 30_000;
/** A flow without a record for so long has stopped: while it goes on, the log has one every 10 s. */
const SILENCE_MS = 25_000;
/** Ports of a pair have records of their own, so one moment may have many. */
const MAX_SAMPLES = 256;

interface Sample {
  /** Milliseconds since the broker started, as the record says. */
  readonly mono: number;
  readonly messages: number;
}

export class FlowRate {
  readonly #samples: Sample[] = [];
  #seenAt = 0;

  /** @param at the clock of the readings, milliseconds */
  add(sample: Sample, at: number): void {
    const newest = this.#samples.at(-1);
    // The broker has started again: its clock began again.
    if (newest !== undefined && sample.mono < newest.mono) this.#samples.length = 0;
    this.#samples.push(sample);
    this.#seenAt = at;
    while (this.#samples.length > MAX_SAMPLES || this.#first < sample.mono - WINDOW_MS) this.#samples.shift();
  }

  /** Null: it takes records of two moments. 0: the flow has stopped. */
  perSecond(at: number): number | null {
    const first = this.#first;
    const elapsed = (this.#samples.at(-1)?.mono ?? first) - first;
    if (at - this.#seenAt > SILENCE_MS) return 0;
    if (elapsed <= 0) return null;
    // The first record counts what came before the time that is measured.
    const counted = this.#samples.reduce((sum, { mono, messages }) => sum + (mono > first ? messages : 0), 0);
    return (counted * 1_000) / elapsed;
  }

  get #first(): number {
    return this.#samples[0]?.mono ?? 0;
  }
}
