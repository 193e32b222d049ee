/** The two subjects of each domain: what it may publish, and what it may hear. Nothing else is ever used. */

export interface Subjects {
  /** Domain to broker. */
  readonly up: string;
  /** Broker to domain. */
  readonly down: string;
}

/** Names are a-z, 0-9 and "-" (policy/contract/names.ts), so neither a dot nor a wildcard can get into a subject. */
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export function isSubjectName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Subjects between two brokers. One of the two is dialled: which one must not depend on who came up first, so it is the
 * one whose name comes later in the alphabet.
 */
export function brokerSubjects(one: string, other: string): Subjects & { readonly dialled: string } {
  const [dialler, dialled] = one < other ? [one, other] : [other, one];
  return { up: `argus.${dialled}.peer-up.${dialler}`, down: `argus.${dialled}.peer-down.${dialler}`, dialled };
}

/** Subjects of a domain at its broker. */
export function domainSubjects(broker: string, domain: string): Subjects {
  return { up: `argus.${broker}.up.${domain}`, down: `argus.${broker}.down.${domain}` };
}
