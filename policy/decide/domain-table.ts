/** The inventory of one revision as the rest of the program sees it: domains with their labels, found by name and domid. */
import { BROKER_NAME, createStations, type Domain, type Domains, NO_STATION } from '../contract/index.ts';
import type { Closure, Inventory } from '../read/index.ts';

export function createDomains(inventory: Inventory, closure: Closure): Domains {
  const stations = createStations(inventory.domains);
  const all = inventory.domains.map(({ name, domid, ...rest }, index) =>
    createDomain({
      ...rest,
      index,
      domid: domid,
      name,
      labels: closure.get(name) ?? [],
      station: stations[index] ?? NO_STATION,
    }),
  );
  const broker = createDomain({
    index: all.length,
    // No VM can have this domid, so no frame can name the broker.
    domid: 0xffff,
    name: BROKER_NAME,
    labels: [],
    mac: null,
    ipv4: null,
    ipv6: null,
    routes: [],
    slaac: [],
    station: NO_STATION,
    carrier: null,
    cloneSafe: false,
    vmm: null,
    home: null,
  });
  return tableOf(all, broker);
}

/** The same inventory with other labels for some domains. The other domains stay the same objects. */
export function relabelDomains(domains: Domains, labels: ReadonlyMap<string, readonly string[]>): Domains {
  const all = domains.all.map((domain) => {
    const own = labels.get(domain.name);
    return own === undefined || own.join() === domain.labels.join() ? domain : createDomain({ ...domain, labels: own });
  });
  return tableOf(all, domains.broker);
}

function createDomain(domain: Domain): Domain {
  return Object.freeze({ ...domain, labels: Object.freeze([...domain.labels]) });
}

function tableOf(all: readonly Domain[], broker: Domain): Domains {
  const byDomid = new Map<number, Domain>(all.map((domain) => [domain.domid, domain]));
  const byName = new Map(all.map((domain) => [domain.name, domain]));
  return Object.freeze({
    all: Object.freeze([...all]),
    byDomid: (domid: number) => byDomid.get(domid),
    byName: (name: string) => byName.get(name),
    broker,
  });
}
