/** The core's whole state of one declared domain: its rings and its recent look-ups. */
import { DomainBase } from './domain-base.ts';
import type { Ring } from './rings/ring.ts';
import type { Route } from './route.ts';

/** The rings of one port: at most one wildcard ring, and one per partner. */
export interface PortRings {
  any: Ring | null;
  readonly byPartner: Map<DomainBase, Ring>;
}

export class DomainState extends DomainBase {
  readonly ports = new Map<number, PortRings>();
  readonly ringsByHandle = new Map<number, Ring>();
  /** Counted per domain and session, so that a handle reveals nothing about the rings of other domains. */
  nextHandle = 1;
  /** Sum of the lengths of its rings, limited by limits.ringBytesPerDomain. */
  ringBytes = 0;
  /** By destination domid, then port; an entry is valid while its `generation` is the core's. */
  readonly routes = new Map<number, Map<number, Route>>();
  routeCount = 0;
  lastRoute: Route | null = null;

  clearRoutes(): void {
    this.routes.clear();
    this.routeCount = 0;
    this.lastRoute = null;
  }
}
