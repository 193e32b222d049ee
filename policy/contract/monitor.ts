/**
 * The reference monitor's contract: the one place where "is this allowed?" is answered.
 *
 * Hooks are Xen's (xsm.h: argo_enable, argo_register_single_source, argo_register_any_source, argo_send) plus one for
 * the service class that services.yaml binds to a destination port. All are total: an error inside means a Denial.
 */
import type { Domain } from './domain.ts';
import type { Decision, Denial, Revision, UnfitReason } from './permit.ts';
import type { ServiceClass } from './services.ts';

/** All decisions for one (source, destination, class); `decisions[i]` answers `class.permissions[i]`. Interned. */
export interface AccessVector {
  readonly decisions: readonly Decision[];
}

export interface ReferenceMonitor {
  readonly revision: Revision;
  /** May this domain use the broker at all? */
  enable(domain: Domain): Decision;
  /** May `owner` register a ring that only `sender` can fill? */
  registerSingleSource(owner: Domain, sender: Domain): Decision;
  /** Is `owner` allowed to register a ring that every domain allowed by policy can fill? */
  registerAnySource(owner: Domain): Decision;
  /** May `source` send to `destination` at all (class `argo`)? */
  send(source: Domain, destination: Domain): Decision;
  /** The whole vector of a service class; an array read after the first time. */
  vector(source: Domain, destination: Domain, serviceClass: ServiceClass): AccessVector;
  /**
   * The denial (UNKNOWN_DESTINATION) for a domid that is not in the inventory; interned per source. As there is no domain to
   * name, its `destination` is the pseudo-domain `broker`, which nobody can send to.
   */
  unknownDestination(source: Domain): Denial;
  /** The denial for a payload that does not fit the class or the sender; its `permission` is empty. Interned like a vector. */
  unfit(source: Domain, destination: Domain, serviceClass: ServiceClass, reason: UnfitReason): Denial;
  /** The denial (FOREIGN_SOURCE) for a message that names another source than its session's domain; `destination` as above. */
  foreignSource(source: Domain): Denial;
}
