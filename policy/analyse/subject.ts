/** What the tools of this folder look at: a compiled policy of which only the decisions matter. */
import type { Domain, Domains, ServiceClass, ServiceClasses } from '../contract/index.ts';
import type { Examined } from '../decide/index.ts';

export interface Analysed {
  readonly domains: Domains;
  readonly classes: ServiceClasses;
  readonly examined: Examined;
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
