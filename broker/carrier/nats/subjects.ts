/** The two subjects of each domain: one to publish to, and one to subscribe to. It uses no others. */

export interface Subjects {
  /** Domain to broker. */
  readonly up: string;
  /** Broker to domain. */
  readonly down: string;
}

/** Names are a-z, 0-9 and "-" (policy/contract/names.ts), so a name can never add a dot or a wildcard to a subject. */
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export function isSubjectName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Subjects between two brokers. One of the two dials. This must not depend on which one started first, so the broker
 * whose name comes later in the alphabet is dialled.
 */
export function brokerSubjects(one: string, other: string): Subjects & { readonly dialled: string } {
  const [dialler, dialled] = one < other ? [one, other] : [other, one];
  return { up: `argus.${dialled}.peer-up.${dialler}`, down: `argus.${dialled}.peer-down.${dialler}`, dialled };
}

/** Subjects of a domain at its broker. */
export function domainSubjects(broker: string, domain: string): Subjects {
  return { up: `argus.${broker}.up.${domain}`, down: `argus.${broker}.down.${domain}` };
}
