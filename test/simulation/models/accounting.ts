/** The books balance after each event: rings within their lengths, domains within their shares, one total. */

import { RING_HELD_BYTES } from '../../../broker/core/rings/ring.ts';
import { STRANGERS } from '../../../broker/turns/index.ts';
import type { SimulatedBroker } from '../actors/broker.ts';
import { SERVICES } from '../topology.ts';
import { type Invariant, type View, Violation } from './invariant.ts';

const SLOT_BYTES = 16;

function isAtRest(port: number): boolean {
  return SERVICES.some((service) => service.port === port);
}

export class Accounting implements Invariant {
  readonly name = 'accounting';

  step({ homes }: View): void {
    for (const { broker } of homes) if (broker !== null) this.#balance(broker);
  }

  #balance(broker: SimulatedBroker): void {
    const { accounts } = broker.argo;
    let held = accounts.ofSessions(STRANGERS).held;
    for (const { domain, account, ringBytes, ringsByHandle } of broker.argo.domains()) {
      held += account.held + accounts.ofSessions(domain.name).held;
      let length = 0;
      let used = 0;
      for (const ring of ringsByHandle.values()) {
        length += ring.length;
        used += ring.used;
        if (ring.used < 0 || ring.used > ring.length - SLOT_BYTES)
          throw new Violation(this.name, `${domain.name}:${ring.port} uses ${ring.used} of ${ring.length} bytes`);
      }
      if (length !== ringBytes)
        throw new Violation(this.name, `${domain.name}: rings of ${length}, books of ${ringBytes}`);
      if (account.held < ringsByHandle.size * RING_HELD_BYTES)
        throw new Violation(this.name, `${domain.name} holds rings that it is not charged for`);
      if (used === 0 && account.held !== ringsByHandle.size * RING_HELD_BYTES)
        throw new Violation(this.name, `${domain.name} is charged ${account.held} bytes for empty rings`);
    }
    if (held + accounts.free !== accounts.total || accounts.free < 0)
      throw new Violation(this.name, `${held} held and ${accounts.free} free of ${accounts.total} bytes`);
  }

  /** Everything was read, and its room given back. Agents never rest. */
  quiet({ homes }: View): void {
    const states = homes.flatMap(({ broker }) => [...(broker?.argo.domains() ?? [])]);
    for (const { domain, ringsByHandle } of states) {
      for (const { port, used } of ringsByHandle.values()) {
        if (used > 0 && isAtRest(port))
          throw new Violation(this.name, `${domain.name}:${port} is empty, and ${used} bytes are taken`);
      }
    }
  }
}
