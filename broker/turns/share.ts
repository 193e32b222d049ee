/** Whose work it is: the part of the broker's CPU that one domain has, or one remote broker, or all strangers together. */
import { Fifo } from '../base/index.ts';

/** A job as its share keeps it: see job.ts. */
export interface ShareJob {
  readonly share: WorkShare;
  readonly isCancelled: boolean;
  waits(): void;
  run(): boolean;
}

/** Of all shares together: units of work since the present part of the turn began, and how many it may have. */
export interface Meter {
  spent: number;
  limit: number;
}

export class WorkShare {
  /** Name of the domain, or what else the share is for. */
  readonly name: string;
  /** Units that may still be used in this round. Below 0 after a piece of work that could not be divided. */
  credit = 0;
  /** The round that `credit` is from; the `Turns` keep it. */
  round = -1;
  /** Where the `Turns` have put it: `listed` when it waits for its part of a turn. */
  place: 'idle' | 'listed' | 'served' = 'idle';
  /** Its jobs that wait, each once. */
  readonly waiting = new Fifo<ShareJob>();
  readonly #meter: Meter;
  #used = 0;
  #heldBack = 0;

  constructor(name: string, meter: Meter) {
    this.name = name;
    this.#meter = meter;
  }

  /** Units used since start: nanoseconds of CPU on the machine of the prices. */
  get used(): number {
    return this.#used;
  }

  /** How many times its work had to wait for a later turn. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** Units that may be used now: those of the share, as far as the turn has them. */
  get room(): number {
    return Math.min(this.credit, this.#meter.limit - this.#meter.spent);
  }

  /** Nothing more may be begun now: others are next. */
  get isSpent(): boolean {
    return this.room <= 0;
  }

  /** Pays for work, also when that is more than the credit: then the share owes it to the next rounds. */
  spend(units: number): void {
    this.credit -= units;
    this.#used += units;
    this.#meter.spent += units;
  }

  /** For `Turns` alone. */
  waited(): void {
    this.#heldBack++;
  }
}
