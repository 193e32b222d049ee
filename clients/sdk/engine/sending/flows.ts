/** All flows of a VM, found by destination. */

import { MAX_IDLE_FLOWS } from '../../limits.ts';
import { Flow, type FlowActions } from './flow.ts';
import type { HeldSend } from './send.ts';

const TWO_32 = 0x1_0000_0000;

export class Flows {
  readonly #actions: FlowActions;
  /** By domid * 2^32 + port: below 2^48, so exact. */
  readonly #flows = new Map<number, Flow>();
  #last: Flow | null = null;

  constructor(actions: FlowActions) {
    this.#actions = actions;
  }

  /** The flow to a ring; made when there is none. */
  to(domid: number, port: number): Flow {
    const last = this.#last;
    if (last !== null && last.domid === domid && last.port === port) return last;
    const key = domid * TWO_32 + port;
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      if (this.#flows.size >= MAX_IDLE_FLOWS) this.#sweep();
      flow = new Flow(domid, port, this.#actions);
      this.#flows.set(key, flow);
    }
    this.#last = flow;
    return flow;
  }

  /** A send without deadline to this ring would overtake others. */
  isBlocked(domid: number, port: number): boolean {
    const last = this.#last;
    if (last !== null && last.domid === domid && last.port === port) return last.isBlocked;
    if (this.#flows.size === 0) return false;
    return this.#flows.get(domid * TWO_32 + port)?.isBlocked ?? false;
  }

  space(domid: number, port: number): void {
    this.#flows.get(domid * TWO_32 + port)?.space();
  }

  suspend(): void {
    for (const flow of this.#flows.values()) flow.suspend();
  }

  revive(): void {
    for (const flow of this.#flows.values()) flow.revive();
  }

  withdraw(decide: (send: HeldSend) => boolean): void {
    for (const flow of this.#flows.values()) flow.withdraw(decide);
  }

  /** An idle flow remembers nothing that a new one would get wrong. */
  #sweep(): void {
    for (const [key, flow] of this.#flows) {
      if (!flow.isIdle) continue;
      flow.dispose();
      this.#flows.delete(key);
    }
    this.#last = null;
  }
}
