/**
 * The AVC (access vector cache): the reference monitor over interned decisions.
 *
 * A hit is three array reads and three identity checks; it allocates nothing. A miss computes the whole vector of the cell,
 * as Flask's AVC does, and keeps it for the life of the revision. Only objects of this very revision are looked up:
 * an index from another inventory would point at another domain. Rows are made for pairs that talk, so memory grows with them.
 */

import type {
  AccessVector,
  Decision,
  Denial,
  DenialReason,
  Domain,
  Domains,
  ReferenceMonitor,
  Revision,
  RuleRef,
  ServiceClass,
  ServiceClasses,
  UnfitReason,
} from '../contract/index.ts';
import { mintDenial, mintPermit } from '../contract/permit.ts';
import type { AuditRow } from '../read/index.ts';
import { AuditRows, auditRowFor } from './audit-rows.ts';
import type { Decider, Verdict } from './decider.ts';
import type { Permissive } from './permissive.ts';

/** Positions in ARGO_PERMISSIONS. */
const ENABLE = 0;
const REGISTER_SINGLE_SOURCE = 1;
const REGISTER_ANY_SOURCE = 2;
const SEND = 3;

export class AccessVectorCache implements ReferenceMonitor {
  readonly revision: Revision;
  readonly #decider: Decider;
  readonly #permissive: Permissive | null;
  readonly #audit: AuditRows;
  /** All domains, then the broker: position = `Domain.index`. */
  readonly #domains: readonly Domain[];
  readonly #broker: Domain;
  readonly #classes: readonly ServiceClass[];
  readonly #argo: ServiceClass;
  /** [source.index][destination.index][class.index] */
  readonly #vectors: (((AccessVector | undefined)[] | undefined)[] | undefined)[];
  /** Denials that no row decides, made when first needed. */
  readonly #unfit = new Map<AccessVector, Map<UnfitReason, Denial>>();
  readonly #unknownDestinations = new Map<Domain, Denial>();
  readonly #foreignSources = new Map<Domain, Denial>();

  /**
   * @param permissive null = every denial is enforced
   * @param audit default: no rows
   */
  constructor(
    revision: Revision,
    domains: Domains,
    classes: ServiceClasses,
    argo: ServiceClass,
    decider: Decider,
    permissive: Permissive | null = null,
    audit = new AuditRows([]),
  ) {
    this.revision = revision;
    this.#decider = decider;
    this.#permissive = permissive;
    this.#audit = audit;
    this.#domains = [...domains.all, domains.broker];
    this.#broker = domains.broker;
    this.#classes = classes.all;
    this.#argo = argo;
    this.#vectors = new Array(this.#domains.length).fill(undefined);
  }

  enable(domain: Domain): Decision {
    return this.#argoDecision(domain, this.#broker, ENABLE);
  }

  registerSingleSource(owner: Domain, sender: Domain): Decision {
    return this.#argoDecision(owner, sender, REGISTER_SINGLE_SOURCE);
  }

  registerAnySource(owner: Domain): Decision {
    return this.#argoDecision(owner, this.#broker, REGISTER_ANY_SOURCE);
  }

  send(source: Domain, destination: Domain): Decision {
    return this.#argoDecision(source, destination, SEND);
  }

  vector(source: Domain, destination: Domain, serviceClass: ServiceClass): AccessVector {
    try {
      const from = source.index;
      const to = destination.index;
      const kind = serviceClass.index;
      if (this.#domains[from] !== source) return this.#refuse(source, destination, serviceClass, 'UNKNOWN_SOURCE');
      if (this.#domains[to] !== destination)
        return this.#refuse(source, destination, serviceClass, 'UNKNOWN_DESTINATION');
      if (this.#classes[kind] !== serviceClass) return this.#refuse(source, destination, serviceClass, 'UNKNOWN_CLASS');
      return this.#vectors[from]?.[to]?.[kind] ?? this.#miss(source, destination, serviceClass);
    } catch {
      // Failing closed: whatever went wrong here, it was not permission. Not remembered, so that it can be seen again.
      return this.#refuse(source, destination, serviceClass, 'INTERNAL');
    }
  }

  unknownDestination(source: Domain): Denial {
    return this.#standing(this.#unknownDestinations, source, 'UNKNOWN_DESTINATION');
  }

  foreignSource(source: Domain): Denial {
    return this.#standing(this.#foreignSources, source, 'FOREIGN_SOURCE');
  }

  unfit(source: Domain, destination: Domain, serviceClass: ServiceClass, reason: UnfitReason): Denial {
    const vector = this.vector(source, destination, serviceClass);
    const known = this.#unfit.get(vector)?.get(reason);
    if (known !== undefined) return known;
    const denial = this.#deny(source, destination, shapeOf(serviceClass).name, '', reason);
    // Vectors that are not kept (foreign domains) must not be kept here either.
    if (!this.#isKept(vector, source, destination, serviceClass)) return denial;
    const kept = this.#unfit.get(vector) ?? new Map<UnfitReason, Denial>();
    this.#unfit.set(vector, kept.set(reason, denial));
    return denial;
  }

  #isKept(vector: AccessVector, source: Domain, destination: Domain, serviceClass: ServiceClass): boolean {
    if (!this.#domains.includes(source) || !this.#domains.includes(destination)) return false;
    if (!this.#classes.includes(serviceClass)) return false;
    return this.#vectors[source.index]?.[destination.index]?.[serviceClass.index] === vector;
  }

  /** A denial to send that depends on the source alone. */
  #standing(kept: Map<Domain, Denial>, source: Domain, reason: DenialReason): Denial {
    const known = kept.get(source);
    if (known !== undefined) return known;
    const denial = this.#deny(source, this.#broker, this.#argo.name, 'send', reason);
    if (this.#domains.includes(source)) kept.set(source, denial);
    return denial;
  }

  #argoDecision(source: Domain, destination: Domain, position: number): Decision {
    const decision = this.vector(source, destination, this.#argo).decisions[position];
    return decision ?? this.#deny(source, destination, this.#argo.name, '', 'INTERNAL');
  }

  #miss(source: Domain, destination: Domain, serviceClass: ServiceClass): AccessVector {
    const verdicts = this.#decider.decide(source, destination, serviceClass);
    const covering = this.#audit.covering(source, destination, serviceClass);
    const decisions = serviceClass.permissions.map((permission, position) => {
      const verdict = verdicts[position];
      if (verdict === undefined) return this.#deny(source, destination, serviceClass.name, permission, 'INTERNAL');
      return this.#mint(source, destination, serviceClass, position, permission, verdict, covering);
    });
    const vector: AccessVector = Object.freeze({ decisions: Object.freeze(decisions) });
    this.#rowOf(source, destination)[serviceClass.index] = vector;
    return vector;
  }

  #mint(
    source: Domain,
    destination: Domain,
    serviceClass: ServiceClass,
    position: number,
    permission: string,
    { allowed, rule }: Verdict,
    covering: readonly AuditRow[],
  ): Decision {
    const asked = {
      revision: this.revision,
      source,
      destination,
      className: serviceClass.name,
      permission,
      rule: ruleRef(rule?.row.place),
    };
    const audit = {
      // The class or a row: a row can only add records.
      auditallow:
        serviceClass.auditallow[position] === true || auditRowFor(covering, 'auditallow', permission) !== null,
      strict: serviceClass.strict[position] === true,
      digest: serviceClass.digest[position] === true,
    };
    if (allowed) return mintPermit(asked, audit);
    const dontaudit = ruleRef(auditRowFor(covering, 'dontaudit', permission)?.place);
    const denial = mintDenial(asked, rule === null ? 'NO_RULE' : 'EXPLICIT_DENY', dontaudit);
    const passes = this.#permissive?.passes(source, destination, serviceClass, permission) === true;
    return passes ? mintPermit(asked, audit, denial) : denial;
  }

  #rowOf(source: Domain, destination: Domain): (AccessVector | undefined)[] {
    const bySource = this.#vectors[source.index] ?? new Array(this.#domains.length).fill(undefined);
    this.#vectors[source.index] = bySource;
    const row = bySource[destination.index] ?? new Array(this.#classes.length).fill(undefined);
    bySource[destination.index] = row;
    return row;
  }

  #refuse(source: Domain, destination: Domain, serviceClass: ServiceClass, reason: DenialReason): AccessVector {
    const { name, permissions } = shapeOf(serviceClass);
    return { decisions: permissions.map((permission) => this.#deny(source, destination, name, permission, reason)) };
  }

  #deny(source: Domain, destination: Domain, className: string, permission: string, reason: DenialReason): Denial {
    return mintDenial({ revision: this.revision, source, destination, className, permission, rule: null }, reason);
  }
}

/** Of a class that is not ours: a caller that casts may bring anything. No decision at an index is no permit either. */
function shapeOf(serviceClass: ServiceClass): { readonly name: string; readonly permissions: readonly string[] } {
  try {
    return { name: String(serviceClass.name), permissions: serviceClass.permissions.map(String) };
  } catch {
    return { name: '', permissions: [] };
  }
}

function ruleRef(place: { readonly file: string; readonly line: number } | undefined): RuleRef | null {
  return place === undefined ? null : Object.freeze({ file: place.file, line: place.line });
}
