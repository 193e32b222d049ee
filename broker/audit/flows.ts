/** Counters of allowed sends, one per (permit, port). Interned, so the hot path holds on to one and only adds. */
import type { Permit } from '../../policy/contract/index.ts';
import type { FlowCounter } from './log.ts';

export type WriteFlow = (permit: Permit, port: number, counted: FlowCounter) => void;

export class FlowTable {
  readonly #flows = new Map<Permit, Map<number, FlowCounter>>();

  /** True when no flow is open: no reason to keep a timer. */
  get empty(): boolean {
    return this.#flows.size === 0;
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

  /** Hands over what has been counted and starts again from zero; idle flows stay, because the hot path may hold them. */
  flush(write: WriteFlow): void {
    for (const [permit, ports] of this.#flows) {
      for (const [port, counter] of ports) take(permit, port, counter, write);
    }
  }

  end(permit: Permit, port: number, write: WriteFlow): void {
    const ports = this.#flows.get(permit);
    const counter = ports?.get(port);
    if (ports === undefined || counter === undefined) return;
    take(permit, port, counter, write);
    ports.delete(port);
    if (ports.size === 0) this.#flows.delete(permit);
  }
}

function take(permit: Permit, port: number, counter: FlowCounter, write: WriteFlow): void {
  if (counter.messages === 0) return;
  write(permit, port, counter);
  counter.messages = 0;
  counter.bytes = 0;
}
