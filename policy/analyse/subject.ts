/** What the tools of this folder look at: a compiled policy of which only the decisions matter. */
import type { Domain, Domains, ServiceClass, ServiceClasses } from '../contract/index.ts';
import type { Examined } from '../decide/index.ts';
import { isAskedOfBroker } from '../read/index.ts';

export interface Analysed {
  readonly domains: Domains;
  readonly classes: ServiceClasses;
  readonly examined: Examined;
  /** Declared labels. */
  readonly labels: ReadonlyMap<string, { readonly grantable: boolean }>;
}

/** One question: may the source do this to the destination? */
export interface Cell {
  readonly source: Domain;
  readonly destination: Domain;
  readonly serviceClass: ServiceClass;
  /** Position in `serviceClass.permissions`. */
  readonly position: number;
}

export function isAllowed({ examined }: Analysed, { source, destination, serviceClass, position }: Cell): boolean {
  const { placement, expansion } = examined;
  return expansion.isAllowed(placement.kind(source), placement.kind(destination), serviceClass, position);
}

/** Destinations of a permission that a hook can ask about: argo's enable and register_any_source are asked of the broker. */
export function destinationsOf({ domains }: Analysed, serviceClass: ServiceClass, position: number): readonly Domain[] {
  return isAskedOfBroker(serviceClass, serviceClass.permissions[position] ?? '') ? [domains.broker] : domains.all;
}

/** A domain or the broker, by name. */
export function domainNamed({ domains }: Analysed, name: string): Domain | undefined {
  return name === domains.broker.name ? domains.broker : domains.byName(name);
}

/** `allow chrome-vm audio-vm:audio-playback { send };` as sesearch prints rules */
export function formatAccess(
  effect: string,
  source: string,
  destination: string,
  className: string,
  permissions: readonly string[],
): string {
  return `${effect} ${source} ${destination}:${className} { ${permissions.join(' ')} };`;
}
