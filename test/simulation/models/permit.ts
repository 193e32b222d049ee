/** No delivery without a permit of the revision in force when the broker wrote it. The policy is evaluated row by row. */
import { naiveDecision } from '../../policy/naive.ts';
import { SERVICES } from '../topology.ts';
import { type Delivery, type Invariant, type PolicyInForce, Violation } from './invariant.ts';

export class Permits implements Invariant {
  readonly name = 'permit';
  readonly #policies: PolicyInForce[] = [];

  policy(policy: PolicyInForce): void {
    this.#policies.push(policy);
  }

  delivered({ source, receiver, port, number, payload, writtenAt, turn }: Delivery): void {
    const from = writtenAt ?? 0;
    const until = writtenAt ?? turn;
    // In the turn of a change, both revisions may have been in force when it was written.
    const inForce = this.#policies.filter(
      (each, index) => each.turn <= until && (this.#policies[index + 1]?.turn ?? Number.POSITIVE_INFINITY) >= from,
    );
    if (inForce.some((policy) => mayPass(policy, source, receiver, port, payload))) return;
    const revisions = inForce.map(({ revision }) => revision).join(', ');
    throw new Violation(this.name, `message ${number} of ${source} to ${receiver}:${port} under revision ${revisions}`);
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
