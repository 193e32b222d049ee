/** Looks routes up, once per generation; see route.ts for what one is. */

import { invariant } from '../base/index.ts';
import type { DomainState } from './domain-state.ts';
import { INSPECTORS } from './inspectors/index.ts';
import type { Route } from './route.ts';
import type { World } from './world.ts';

export class Routes {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** The route to a destination and port, looked up or remembered. */
  to(sender: DomainState, destinationId: number, port: number): Route {
    let ports = sender.routes.get(destinationId);
    const cached = ports?.get(port);
    if (cached !== undefined && cached.generation === this.#world.generation) return cached;
    const route = this.#lookUp(sender, destinationId, port);
    if (sender.routeCount >= this.#world.limits.routesPerDomain) {
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
    const { monitor, classes } = this.#world.policy;
    const destination = this.#world.byDomid.get(destinationId);
    const send =
      destination === undefined
        ? monitor.unknownDestination(sender.domain)
        : monitor.send(sender.domain, destination.domain);
    const base = { generation: this.#world.generation, destinationId, port, send };
    if (destination === undefined || !send.allowed) return { ...base, target: null };
    const serviceClass = classes.of(destination.domain, port);
    const inspector = INSPECTORS.get(serviceClass.inspector);
    invariant(
      inspector !== undefined,
      `no inspector ${serviceClass.inspector}: the policy loader should have refused it`,
    );
    const rings = destination.ports.get(port);
    const ring = rings?.byPartner.get(sender) ?? rings?.any ?? null;
    if (ring !== null) destination.outlet?.introduce(sender.domain.domid);
    return {
      ...base,
      target: {
        destination,
        serviceClass,
        inspector,
        vector: monitor.vector(sender.domain, destination.domain, serviceClass),
        malformed: monitor.malformed(sender.domain, destination.domain, serviceClass),
        ring,
        share: ring?.shareOf(sender) ?? null,
        flows: [],
      },
    };
  }
}
