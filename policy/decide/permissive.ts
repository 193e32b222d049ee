/**
 * Permissive domains: a denial by the rows is recorded and not enforced, as for SELinux's permissive types.
 *
 * Only the rows are loosened. What a `neverallow` line forbids stays denied, because assertions have another owner and no
 * switch turns them off. For the same reason a domain cannot be permissive if its messages could then complete a flow
 * that a `neverflow` line forbids, or exceed a `max-fan` line: `PermissiveReach` is the policy as these lines must see it.
 */
import { ANY_LABEL, BROKER_NAME, type Domain, type ServiceClass } from '../contract/index.ts';
import { isAskedOfBroker, permissionsMeet } from '../read/index.ts';
import type { Assertion } from './assertions.ts';
import { type Bits, emptyBits, setBit } from './bits.ts';
import type { Examined, Reach } from './decider.ts';

export class Permissive {
  readonly #domains: ReadonlySet<Domain>;
  readonly #broker: Domain;
  readonly #neverallow: readonly Assertion[];

  /** @param domains of the revision in question */
  constructor(domains: Iterable<Domain>, broker: Domain, assertions: readonly Assertion[]) {
    this.#domains = new Set(domains);
    this.#broker = broker;
    this.#neverallow = assertions.filter(({ kind }) => kind === 'neverallow');
  }

  get domains(): Iterable<Domain> {
    return this.#domains;
  }

  /** True when a request that the rows deny passes all the same. */
  passes(source: Domain, destination: Domain, serviceClass: ServiceClass, permission: string): boolean {
    if (!this.#domains.has(source)) return false;
    // The hooks never ask the broker for anything else, and no row could allow it.
    if (isAskedOfBroker(serviceClass, permission) !== (destination === this.#broker)) return false;
    return !this.#neverallow.some((line) => forbids(line, source, destination, serviceClass, permission));
  }
}

function forbids(
  line: Assertion,
  source: Domain,
  destination: Domain,
  serviceClass: ServiceClass,
  permission: string,
): boolean {
  return (
    line.classes.some(({ name }) => name === serviceClass.name) &&
    permissionsMeet(line.permission, permission) &&
    isMeant(line.source, source) &&
    isMeant(line.destination, destination) &&
    !line.exceptions.some((each) => isMeant(each.source, source) && isMeant(each.destination, destination))
  );
}

/** The broker has no labels: `@any` does not mean it. */
function isMeant(subject: string, { name, labels }: Domain): boolean {
  if (subject === name) return true;
  return subject === ANY_LABEL ? name !== BROKER_NAME : labels.includes(subject);
}

/** The expansion, with everything added that permissive domains may do. */
export class PermissiveReach implements Reach {
  readonly #examined: Examined;
  readonly #permissive: Permissive;
  /** Source kind -> its permissive domains. */
  readonly #byKind = new Map<number, Domain[]>();

  constructor(examined: Examined, permissive: Permissive) {
    this.#examined = examined;
    this.#permissive = permissive;
    for (const domain of permissive.domains) {
      const kind = examined.placement.kind(domain);
      this.#byKind.set(kind, [...(this.#byKind.get(kind) ?? []), domain]);
    }
  }

  get capacity(): number {
    return this.#examined.expansion.capacity;
  }

  members(subject: string): Bits {
    return this.#examined.expansion.members(subject);
  }

  /** A permissive domain speaks for its whole kind: that is never less than the policy allows. */
  allowed(source: number, serviceClass: ServiceClass, position: number): Bits {
    const byRows = this.#examined.expansion.allowed(source, serviceClass, position);
    const sources = this.#byKind.get(source);
    const permission = serviceClass.permissions[position];
    if (sources === undefined || permission === undefined) return byRows;
    const { placement } = this.#examined;
    const { domains } = placement;
    const bits = emptyBits(this.capacity);
    bits.set(byRows);
    for (const destination of [...domains.all, domains.broker]) {
      const passes = sources.some((each) => this.#permissive.passes(each, destination, serviceClass, permission));
      if (passes) setBit(bits, placement.kind(destination));
    }
    return bits;
  }
}
