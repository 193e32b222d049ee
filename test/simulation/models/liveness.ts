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
import { mayPass } from './messages/permit.ts';

const PORT = 10;
const LENGTH = 4_096;
/** For one message to arrive on lines without faults. */
const ARRIVAL_MS = 10_000;

export class Liveness implements Invariant {
  readonly name = 'liveness';
  readonly #system: System;
  /** By broker. */
  readonly #policies = new Map<string, PolicyInForce>();
  readonly #missing = new Map<number, SentMessage>();

  constructor(system: System) {
    this.#system = system;
  }

  policy(policy: PolicyInForce): void {
    this.#policies.set(policy.broker, policy);
  }

  sent(message: SentMessage): void {
    this.#missing.set(message.number, message);
  }

  delivered({ number }: Delivery): void {
    this.#missing.delete(number);
  }

  async quiet({ homes }: View): Promise<void> {
    const { guests } = this.#system;
    for (const { name, broker } of homes) {
      if (broker === null) throw new Violation(this.name, `${name} is not running`);
      const parted = broker.federation.peers().filter(({ session }) => session === null);
      if (parted.length > 0) throw new Violation(this.name, `${name} has no session with ${parted[0]?.broker}`);
    }
    const lost = guests.filter(({ isConnected }) => !isConnected).map(({ name }) => name);
    if (lost.length > 0) throw new Violation(this.name, `no session: ${lost.join(', ')}`);
    for (const guest of guests) guest.register(PORT, 'any', LENGTH);
    await this.#system.passUntil(ARRIVAL_MS, () => guests.every(({ rings }) => hasRing(rings)));
    this.#missing.clear();
    const payload = Uint8Array.of(1, 2, 3, 4);
    for (const from of guests) {
      for (const to of guests) {
        const brokers = [from.member.home, to.member.home];
        const isAllowed = brokers.every((home) => this.#mayPass(home, from.name, to.name, payload));
        if (isAllowed && hasRing(to.rings)) from.send({ to: to.member, port: PORT, payload, deadlineMs: ARRIVAL_MS });
      }
    }
    await this.#system.passUntil(2 * ARRIVAL_MS, () => this.#missing.size === 0);
    for (const { number, sender, receiver } of this.#missing.values())
      throw new Violation(this.name, `message ${number} of ${sender} to ${receiver} did not arrive`);
  }

  #mayPass(broker: string, sender: string, receiver: string, payload: Uint8Array): boolean {
    const policy = this.#policies.get(broker);
    if (policy === undefined) throw new Violation(this.name, `no policy is in force at ${broker}`);
    return mayPass(policy, sender, receiver, PORT, payload);
  }
}

function hasRing(rings: ReadonlyMap<string, unknown>): boolean {
  return rings.has(`${PORT} any`);
}
