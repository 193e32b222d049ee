/** The two subjects of each domain: what it may publish, and what it may hear. Nothing else is ever used. */

export interface Subjects {
  /** Domain to broker. */
  readonly up: string;
  /** Broker to domain. */
  readonly down: string;
}

/** Names are a-z, 0-9 and "-" (policy/names.ts), so neither a dot nor a wildcard can get into a subject. */
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export function isSubjectName(name: string): boolean {
  return NAME.test(name);
}

/** Subjects of a domain at its broker. */
export function domainSubjects(broker: string, domain: string): Subjects {
  return { up: `argus.${broker}.up.${domain}`, down: `argus.${broker}.down.${domain}` };
}
