/** No delivery without a permit of the revision in force when the broker wrote it. The policy is evaluated row by row. */
import { naiveDecision } from '../../../policy/naive.ts';
import { SERVICES } from '../../topology.ts';
import { type Delivery, type Invariant, type PolicyInForce, type SentMessage, Violation } from '../invariant.ts';

export class Permits implements Invariant {
  readonly name = 'permit';
  /** By broker, in the order in which they came into force. */
  readonly #policies = new Map<string, PolicyInForce[]>();
  readonly #sentAt = new Map<number, number>();
  readonly #homeOf: (domain: string) => string;

  constructor(homeOf: (domain: string) => string) {
    this.#homeOf = homeOf;
  }

  policy(policy: PolicyInForce): void {
    this.#policies.set(policy.broker, [...(this.#policies.get(policy.broker) ?? []), policy]);
  }

  sent({ number, turn }: SentMessage): void {
    this.#sentAt.set(number, turn);
  }

  delivered(delivery: Delivery): void {
    const { source, receiver, number, writtenAt, turn } = delivery;
    const [here, there] = [this.#homeOf(receiver), this.#homeOf(source)];
    this.#wasAllowed(delivery, here, writtenAt ?? 0, writtenAt ?? turn);
    // The broker of the sender has decided too, between the send and the delivery.
    if (here !== there) this.#wasAllowed(delivery, there, this.#sentAt.get(number) ?? 0, writtenAt ?? turn);
  }

  #wasAllowed(
    { source, receiver, port, number, payload }: Delivery,
    broker: string,
    from: number,
    until: number,
  ): void {
    const policies = this.#policies.get(broker) ?? [];
    // In the turn of a change, both revisions may have been in force when it was written.
    const inForce = policies.filter(
      (each, index) => each.turn <= until && (policies[index + 1]?.turn ?? Number.POSITIVE_INFINITY) >= from,
    );
    if (inForce.some((policy) => mayPass(policy, source, receiver, port, payload))) return;
    const revisions = inForce.map(({ revision }) => revision).join(', ');
    throw new Violation(
      this.name,
      `message ${number} of ${source} to ${receiver}:${port} under revision ${revisions} of ${broker}`,
    );
  }
}

/** The whole question, asked of the rows themselves. */
export function mayPass(
  { rules, links }: PolicyInForce,
  sender: string,
  receiver: string,
  port: number,
  payload: Uint8Array,
): boolean {
  const service = SERVICES.find((each) => each.port === port);
  return (
    service !== undefined &&
    payload.length % service.unitBytes === 0 &&
    naiveDecision(rules, links, [sender, 'broker', 'argo', 'enable']) &&
    naiveDecision(rules, links, [sender, receiver, 'argo', 'send']) &&
    naiveDecision(rules, links, [sender, receiver, service.className, 'send'])
  );
}
