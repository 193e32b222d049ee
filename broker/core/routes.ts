/** Looks up routes, each once per generation. route.ts says what a route is. */

import type { CoreState } from './core-state.ts';
import type { DomainState } from './domain-state.ts';
import { mediationOf } from './mediation.ts';
import type { Route } from './route.ts';

export class Routes {
  readonly #core: CoreState;

  constructor(core: CoreState) {
    this.#core = core;
  }

  /** The route to a destination and port: cached if possible, else looked up. */
  to(sender: DomainState, destinationId: number, port: number): Route {
    let ports = sender.routes.get(destinationId);
    const cached = ports?.get(port);
    if (cached !== undefined && cached.generation === this.#core.generation) return cached;
    const route = this.#lookUp(sender, destinationId, port);
    if (sender.routeCount >= this.#core.limits.routesPerDomain) {
      sender.clearRoutes();
      ports = undefined;
    }
    if (ports === undefined) {
      ports = new Map();
      sender.routes.set(destinationId, ports);
    }
    if (!ports.has(port)) sender.routeCount++;
    ports.set(port, route);
    return route;
  }

  #lookUp(sender: DomainState, destinationId: number, port: number): Route {
    const destination = this.#core.byDomid.get(destinationId);
    const { policy, neighbours } = this.#core;
    const mediation = mediationOf(policy, neighbours, sender.domain, destination?.domain, port);
    const base = { generation: this.#core.generation, destinationId, port, mediation };
    if (destination === undefined || mediation.service === null) return { ...base, target: null };
    const rings = destination.ports.get(port);
    const ring = rings?.byPartner.get(sender) ?? rings?.any ?? null;
    if (ring !== null) destination.sink?.introduce(sender.domain.domid);
    return { ...base, target: { destination, ring, share: ring?.shareOf(sender) ?? null, flows: [] } };
  }
}
