/** After all faults are healed, every guest has a session again, and what is allowed arrives. */
import type { System } from '../system.ts';
import {
  type Delivery,
  type Invariant,
  type PolicyInForce,
  type SentMessage,
  type View,
  Violation,
} from './invariant.ts';
import { mayPass } from './permit.ts';

const PORT = 10;
const LENGTH = 4_096;
/** For one message to arrive on lines without faults. */
const ARRIVAL_MS = 10_000;

export class Liveness implements Invariant {
  readonly name = 'liveness';
  readonly #system: System;
  #policy: PolicyInForce | null = null;
  readonly #missing = new Map<number, SentMessage>();

  constructor(system: System) {
    this.#system = system;
  }

  policy(policy: PolicyInForce): void {
    this.#policy = policy;
  }

  sent(message: SentMessage): void {
    this.#missing.set(message.number, message);
  }

  delivered({ number }: Delivery): void {
    this.#missing.delete(number);
  }

  async quiet({ broker }: View): Promise<void> {
    const { guests } = this.#system;
    if (broker === null) throw new Violation(this.name, 'the broker is not running');
    const lost = guests.filter(({ isConnected }) => !isConnected).map(({ name }) => name);
    if (lost.length > 0) throw new Violation(this.name, `no session: ${lost.join(', ')}`);
    for (const guest of guests) guest.register(PORT, 'any', LENGTH);
    await this.#system.passUntil(ARRIVAL_MS, () => guests.every(({ rings }) => hasRing(rings)));
    const policy = this.#policy;
    if (policy === null) throw new Violation(this.name, 'no policy is in force');
    this.#missing.clear();
    const payload = Uint8Array.of(1, 2, 3, 4);
    for (const from of guests) {
      for (const to of guests) {
        if (mayPass(policy, from.name, to.name, PORT, payload) && hasRing(to.rings))
          from.send({ to: to.member, port: PORT, payload, deadlineMs: ARRIVAL_MS });
      }
    }
    await this.#system.passUntil(2 * ARRIVAL_MS, () => this.#missing.size === 0);
    for (const { number, sender, receiver } of this.#missing.values())
      throw new Violation(this.name, `message ${number} of ${sender} to ${receiver} did not arrive`);
  }
}

function hasRing(rings: ReadonlyMap<string, unknown>): boolean {
  return rings.has(`${PORT} any`);
}
