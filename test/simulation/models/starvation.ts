/**
 * Nobody waits for what another has sent: the broker works for no longer than a turn's worth in one event, and a domain
 * that waits for its turn has it within so many turns. Counted in the units and turns of broker/turns, never in time.
 */
import { HELLO_UNITS, QUANTUM_UNITS, SLICE_UNITS, type WorkShare } from '../../../broker/turns/index.ts';
import type { SimulatedBroker } from '../actors/broker.ts';
import { type Invariant, type View, Violation } from './invariant.ts';

/** What one event may cost: a domain's credit, a slice for those that wait, and a piece that cannot be divided for each of both. */
const MAX_EVENT_UNITS = QUANTUM_UNITS + SLICE_UNITS + 2 * HELLO_UNITS;
/** Turns that do work which has waited. In a round each domain that waits has a slice; a debt takes as many rounds as it has slices. */
const MAX_TURNS = 32;

interface Wait {
  readonly since: number;
  readonly used: number;
}

export class Starvation implements Invariant {
  readonly name = 'starvation';
  readonly #brokers = new Map<string, OneBroker>();

  step({ homes }: View): void {
    for (const { name, broker } of homes) {
      const one = this.#brokers.get(name) ?? new OneBroker(this.name);
      this.#brokers.set(name, one);
      one.step(broker);
    }
  }
}

class OneBroker {
  readonly name: string;
  #broker: object | null = null;
  #used = 0;
  readonly #waits = new Map<WorkShare, Wait>();

  constructor(name: string) {
    this.name = name;
  }

  step(broker: SimulatedBroker | null): void {
    if (broker !== this.#broker) {
      this.#broker = broker;
      this.#used = 0;
      this.#waits.clear();
    }
    if (broker === null) return;
    const { turns } = broker;
    let used = 0;
    for (const share of turns.shares()) {
      used += share.used;
      this.#watch(share, turns.backloggedTurns);
    }
    if (used - this.#used > MAX_EVENT_UNITS)
      throw new Violation(this.name, `${used - this.#used} units in one event, at most ${MAX_EVENT_UNITS} expected`);
    this.#used = used;
  }

  #watch(share: WorkShare, turn: number): void {
    const wait = this.#waits.get(share);
    if (share.place !== 'listed' || share.waiting.length === 0) this.#waits.delete(share);
    else if (wait === undefined || wait.used !== share.used) this.#waits.set(share, { since: turn, used: share.used });
    else if (turn - wait.since > MAX_TURNS)
      throw new Violation(this.name, `${share.name} has waited for ${turn - wait.since} turns`);
  }
}
