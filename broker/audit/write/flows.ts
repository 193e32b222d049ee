/**
 * Counters of allowed sends, one per (permit, port). Interned, so the hot path keeps its counter and only adds to it.
 *
 * The domains decide how many flows there are, so the flows are not written all at once: due flows are taken in
 * portions, as fast as the disk allows. A counter keeps counting until it is taken, so it is exact at that time.
 */
import type { Permit } from '../../../policy/contract/index.ts';
import type { FlowCounter } from '../../record/index.ts';
import type { CountedFlow } from '../body.ts';

export class FlowTable {
  readonly #flows = new Map<Permit, Map<number, FlowCounter>>();
  /** Ended flows, to be written before all others. At most as many as were open. */
  readonly #ended: CountedFlow[] = [];
  /** Flows that ended while the sender's share could not pay for their record: by permit, so without their ports. */
  readonly #merged = new Map<Permit, FlowCounter>();
  /** The running pass through all flows. */
  #pass: Iterator<CountedFlow> | null = null;
  readonly #pay: (permit: Permit) => boolean;

  /** @param pay may a record of this flow be written now? If not, the flow keeps counting */
  constructor(pay: (permit: Permit) => boolean = () => true) {
    this.#pay = pay;
  }

  /** True when no flow can become due, so no timer is needed. */
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

  /** Makes every flow due. If a pass is already running it continues, and the next one starts at the next interval. */
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

  /** Takes at most `limit` due flows with their counts up to now. Their counters restart from zero. */
  take(limit: number): readonly CountedFlow[] {
    const taken = this.#ended.splice(0, limit);
    while (this.#pass !== null && taken.length < limit) {
      const next = this.#pass.next();
      if (next.done) this.#pass = null;
      else taken.push(next.value);
    }
    return taken;
  }

  /** Keeps idle flows, because the hot path may hold them. A Map may change during its iteration. */
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
