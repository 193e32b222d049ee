/**
 * Kinds: domains that no row can tell apart.
 *
 * A row names a domain, a label or `@any`. Two domains with the same labels, neither of them named by a row, get the same
 * answer to every question, so the policy is expanded over kinds and not over domains. A site of 500 domains with ten roles
 * has about ten kinds.
 *
 * Kinds are only ever added: a run-time grant moves a domain to another kind, which may be a new one, and a revocation moves
 * it back to a kind that exists already. So nothing has to be expanded again when a grant ends.
 */
import { ANY_LABEL, type Domain, type Domains } from '../contract/index.ts';

export class Kinds {
  /** Subjects of each kind: the name, if a row uses it, then the labels, then `@any`. */
  readonly subjects: (readonly string[])[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #byDomain = new WeakMap<Domain, number>();
  /** Domain names that a row uses. */
  readonly #named: ReadonlySet<string>;

  /** @param named domains that a row or an exception of an assertion names */
  constructor(named: ReadonlySet<string>) {
    this.#named = named;
  }

  get size(): number {
    return this.subjects.length;
  }

  /** A name for a kind that no domain or label can have; the same for the same subjects. */
  nameOf(kind: number): string {
    return `#${(this.subjects[kind] ?? []).join(' ')}`;
  }

  /** The kind of a domain; a new one when no domain with these subjects was seen before. */
  of(domain: Domain, isBroker: boolean): number {
    const known = this.#byDomain.get(domain);
    if (known !== undefined) return known;
    const kind = this.#find(domain, isBroker);
    this.#byDomain.set(domain, kind);
    return kind;
  }

  #find(domain: Domain, isBroker: boolean): number {
    const subjects = this.#subjectsOf(domain, isBroker);
    const key = subjects.join(' ');
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    this.#byKey.set(key, this.subjects.length);
    return this.subjects.push(subjects) - 1;
  }

  #subjectsOf({ name, labels }: Domain, isBroker: boolean): readonly string[] {
    if (isBroker) return [name];
    return this.#named.has(name) ? [name, ...labels, ANY_LABEL] : [...labels, ANY_LABEL];
  }
}

/** Which kind each domain of one revision has. */
export class Placement {
  readonly domains: Domains;
  /** By `Domain.index`; the broker is the last. */
  readonly kindOf: readonly number[];
  readonly #members = new Map<number, Domain[]>();

  constructor(kinds: Kinds, domains: Domains) {
    this.domains = domains;
    const all = [...domains.all, domains.broker];
    this.kindOf = all.map((domain) => kinds.of(domain, domain === domains.broker));
    for (const [index, kind] of this.kindOf.entries()) {
      const domain = all[index];
      if (domain === undefined) continue;
      const members = this.#members.get(kind);
      if (members === undefined) this.#members.set(kind, [domain]);
      else members.push(domain);
    }
  }

  /** The kind of a domain of this revision. */
  kind(domain: Domain): number {
    return this.kindOf[domain.index] ?? -1;
  }

  /** Kinds that a domain of this revision has. */
  get populated(): Iterable<number> {
    return this.#members.keys();
  }

  /** True when a domain of this revision has the kind. */
  isPopulated(kind: number): boolean {
    return this.#members.has(kind);
  }

  members(kind: number): readonly Domain[] {
    return this.#members.get(kind) ?? [];
  }
}
