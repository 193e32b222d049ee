/** All that the core knows of one declared domain: its rings, and the look-ups it has made lately. */
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
  /** Its own count, so that a handle tells nothing about the rings of others; starts anew with each session. */
  nextHandle = 1;
  /** Sum of the lengths of its rings: charged to it, against limits.ringBytesPerDomain. */
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
