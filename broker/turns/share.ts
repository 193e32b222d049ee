/** A share: the part of the broker's CPU time for one domain, for one remote broker, or for all strangers together. */
import { Fifo } from '../base/index.ts';
import type { Allowance } from './allowance.ts';
import { SLICE_UNITS } from './limits.ts';

/** A job as its share sees it: see job.ts. */
export interface ShareJob {
  readonly share: WorkShare;
  readonly isCancelled: boolean;
  waits(): void;
  run(): boolean;
}

/** For all shares together: units of work since the present part of the turn began, and their limit. */
export interface Meter {
  /** Number of the part. */
  part: number;
  spent: number;
  limit: number;
}

export class WorkShare {
  /** Name of the domain, or another word for the purpose of the share. */
  readonly name: string;
  /** Units that may still be used in this round. Below 0 after a piece of work that could not be divided. */
  credit = 0;
  /** The round of `credit`. `Turns` sets it. */
  round = -1;
  /** `listed`: it waits for its part of a turn; `resting`: for its allowance. `Turns` sets it. */
  place: 'idle' | 'listed' | 'served' | 'resting' = 'idle';
  /** Limits its idle work. A share with nothing left rests. */
  readonly allowance: Allowance;
  /** Its waiting jobs, each once. */
  readonly waiting = new Fifo<ShareJob>();
  readonly #meter: Meter;
  readonly #pieceWeight: number;
  /** Idle work in the part of the turn that `#idlePart` names. */
  #idle = 0;
  #idlePart = -1;
  #used = 0;
  #heldBack = 0;

  constructor(name: string, meter: Meter, allowance: Allowance, pieceWeight: number) {
    this.name = name;
    this.#pieceWeight = pieceWeight;
    this.allowance = allowance;
    this.#meter = meter;
  }

  /** Units used since start: nanoseconds of CPU on the machine of the prices. */
  get used(): number {
    return this.#used;
  }

  /** Number of times that its work had to wait for a later turn. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** Units that may be used now: the least of the share's credit, the rest of the turn, and its allowance. */
  get room(): number {
    return Math.min(this.credit, this.#meter.limit - this.#meter.spent, this.allowance.left);
  }

  /** Units of idle work that may be done now: no more than a slice at once, however large the credit. */
  get idleRoom(): number {
    return this.#idlePart === this.#meter.part ? SLICE_UNITS - this.#idle : SLICE_UNITS;
  }

  /** True: the share must not begin more work now, because others are next. */
  get isSpent(): boolean {
    return this.room <= 0 || this.idleRoom <= 0;
  }

  /** Pays for work. If that is more than the credit, the share pays the difference in the next rounds. */
  spend(units: number): void {
    this.credit -= units;
    this.#used += units;
    this.#meter.spent += units;
  }

  /** Pays for idle work: for all but the bytes of messages, because `earn` gives back the rest of a delivered one. */
  spendIdle(units: number): void {
    this.spend(units);
    this.#idled(units);
    this.allowance.spend(units);
  }

  /** Pays for idle work that cannot be divided. `weight`: how many times it counts in the allowance (IdleLimit). */
  spendPiece(units: number, weight = this.#pieceWeight): void {
    this.spend(units);
    this.#idled(units);
    this.allowance.spend(units * weight);
  }

  /** Messages were delivered or read. */
  earn(units: number): void {
    this.allowance.earn(units);
    this.#idle = Math.max(0, this.#idle - units);
  }

  #idled(units: number): void {
    const { part } = this.#meter;
    if (this.#idlePart !== part) {
      this.#idlePart = part;
      this.#idle = 0;
    }
    this.#idle += units;
  }

  /** Only `Turns` calls this. */
  waited(): void {
    this.#heldBack++;
  }
}
