/** What agents may do by the rows in force, at the brokers of both sides. The policy is evaluated row by row. */
import { naiveDecision } from '../../../policy/naive.ts';
import type { Member } from '../../topology.ts';
import type { Invariant, PolicyInForce } from '../invariant.ts';

export class AgentPolicies implements Pick<Invariant, 'policy'> {
  /** By broker, in the order in which they came into force. */
  readonly #policies = new Map<string, PolicyInForce[]>();

  policy(policy: PolicyInForce): void {
    this.#policies.set(policy.broker, [...(this.#policies.get(policy.broker) ?? []), policy]);
  }

  /** Now, at both brokers. */
  may(from: Member, to: Member, className: string, permission: string): boolean {
    return [from.home, to.home].every((home) => {
      const policy = this.#policies.get(home)?.at(-1);
      return policy !== undefined && allows(policy, from, to, className, permission);
    });
  }

  /** Under some revision that was in force between the two turns, at each of the two brokers. */
  mightHave(from: Member, to: Member, className: string, permission: string, since: number, until: number): boolean {
    return [from.home, to.home].every((home) => {
      const policies = this.#policies.get(home) ?? [];
      return policies.some(
        (each, index) =>
          each.turn <= until &&
          (policies[index + 1]?.turn ?? Number.POSITIVE_INFINITY) >= since &&
          allows(each, from, to, className, permission),
      );
    });
  }
}

function allows(
  { rules, links }: PolicyInForce,
  from: Member,
  to: Member,
  className: string,
  permission: string,
): boolean {
  return (
    naiveDecision(rules, links, [from.name, 'broker', 'argo', 'enable']) &&
    naiveDecision(rules, links, [from.name, to.name, 'argo', 'send']) &&
    naiveDecision(rules, links, [from.name, to.name, className, permission])
  );
}
