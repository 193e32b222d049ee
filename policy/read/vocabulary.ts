/** The words that a row may use. */
import { ANY_LABEL, type ServiceClass, WILDCARD } from '../contract/index.ts';
import type { Inventory } from './inventory.ts';

export interface Vocabulary {
  readonly domains: ReadonlySet<string>;
  readonly labels: ReadonlySet<string>;
  readonly classes: ReadonlyMap<string, ServiceClass>;
}

export function vocabularyOf(inventory: Inventory, classes: readonly ServiceClass[]): Vocabulary {
  return {
    domains: new Set(inventory.domains.map(({ name }) => name)),
    labels: new Set([...inventory.labels.keys(), ANY_LABEL]),
    classes: new Map(classes.map((serviceClass) => [serviceClass.name, serviceClass])),
  };
}

export type Effect = 'allow' | 'deny';

/** The subject of a row. */
export interface Access {
  /** A domain or a label. */
  readonly source: string;
  /** A domain, a label, or `broker`. */
  readonly destination: string;
  readonly serviceClass: ServiceClass;
  /** A permission of the class, or `*`. */
  readonly permission: string;
}

/** Permissions of class `argo` that a domain asks of the broker itself, as xen_t is the target in Flask. */
const ASKED_OF_BROKER: readonly string[] = ['enable', 'register_any_source'];

/** True for the permissions whose destination is `broker`. */
export function isAskedOfBroker(serviceClass: ServiceClass, permission: string): boolean {
  return serviceClass.index === 0 && ASKED_OF_BROKER.includes(permission);
}

/** True when both name the same permission, or one of them names all. */
export function permissionsMeet(a: string, b: string): boolean {
  return a === b || a === WILDCARD || b === WILDCARD;
}
