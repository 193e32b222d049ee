/**
 * Counters of allowed sends, one per (permit, port). Interned, so the hot path holds on to one and only adds.
 *
 * How many flows there are is the domains' choice, so they are not written all at once: what is due is taken out in
 * portions, as the disk keeps up. A counter goes on counting until it is taken, and is exact whenever that is.
 */
import type { Permit } from '../../../policy/contract/index.ts';
import type { FlowCounter } from '../../record/index.ts';
import type { CountedFlow } from '../body.ts';

export class FlowTable {
  readonly #flows = new Map<Permit, Map<number, FlowCounter>>();
  /** Flows that have ended, to be written before all others. At most as many as were open. */
  readonly #ended: CountedFlow[] = [];
  /** Flows that ended while their record could not be paid: by permit, so without their ports. */
  readonly #merged = new Map<Permit, FlowCounter>();
  /** The pass through all flows that is under way. */
  #pass: Iterator<CountedFlow> | null = null;
  readonly #pay: (permit: Permit) => boolean;

  /** @param pay may a record of this flow be written now? What may not goes on counting */
  constructor(pay: (permit: Permit) => boolean = () => true) {
    this.#pay = pay;
  }

  /** True when nothing can come due: no reason to keep a timer. */
  get empty(): boolean {
    return this.#flows.size === 0 && this.#merged.size === 0;
  }

  /** Is there something to take? */
  get isDue(): boolean {
    return this.#ended.length > 0 || this.#pass !== null;
  }

  counter(permit: Permit, port: number): FlowCounter {
    let ports = this.#flows.get(permit);
    if (ports === undefined) {
      ports = new Map();
      this.#flows.set(permit, ports);
    }
    let counter = ports.get(port);
    if (counter === undefined) {
      counter = { messages: 0, bytes: 0 };
      ports.set(port, counter);
    }
    return counter;
  }

  /** Makes every flow due; a pass that is under way already goes on, and the next one follows at the next interval. */
  makeDue(which: 'paid' | 'all' = 'paid'): void {
    this.#pass ??= this.#counted(which === 'all' ? () => true : this.#pay);
  }

  end(permit: Permit, port: number): void {
    const ports = this.#flows.get(permit);
    const counter = ports?.get(port);
    if (ports === undefined || counter === undefined) return;
    if (counter.messages > 0) {
      if (this.#pay(permit)) this.#ended.push(take(permit, port, counter));
      else this.#merge(permit, counter);
    }
    ports.delete(port);
    if (ports.size === 0) this.#flows.delete(permit);
  }

  /** At most `limit` of what is due, counted up to now; the counters start again from zero. */
  take(limit: number): readonly CountedFlow[] {
    const taken = this.#ended.splice(0, limit);
    while (this.#pass !== null && taken.length < limit) {
      const next = this.#pass.next();
      if (next.done) this.#pass = null;
      else taken.push(next.value);
    }
    return taken;
  }

  /** Idle flows stay, because the hot path may hold them. A map may change while it is walked. */
  *#counted(pay: (permit: Permit) => boolean): Generator<CountedFlow, undefined> {
    for (const [permit, counter] of this.#merged) {
      if (!pay(permit)) continue;
      this.#merged.delete(permit);
      yield take(permit, null, counter);
    }
    for (const [permit, ports] of this.#flows) {
      for (const [port, counter] of ports) if (counter.messages > 0 && pay(permit)) yield take(permit, port, counter);
    }
  }

  #merge(permit: Permit, { messages, bytes }: FlowCounter): void {
    const counter = this.#merged.get(permit) ?? { messages: 0, bytes: 0 };
    this.#merged.set(permit, counter);
    counter.messages += messages;
    counter.bytes += bytes;
  }
}

function take(permit: Permit, port: number | null, counter: FlowCounter): CountedFlow {
  const { messages, bytes } = counter;
  counter.messages = 0;
  counter.bytes = 0;
  return { permit, port, messages, bytes };
}
