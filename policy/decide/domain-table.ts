/** The inventory of one revision as the rest of the program sees it: domains with their labels, found by name and domid. */
import {
  BROKER_NAME,
  createStations,
  type Domain,
  type DomainId,
  type Domains,
  NO_STATION,
} from '../contract/index.ts';
import type { Closure, Inventory } from '../read/index.ts';

export function createDomains(inventory: Inventory, closure: Closure): Domains {
  const create = (
    index: number,
    name: string,
    domid: number,
    labels: readonly string[],
    rest: Partial<Domain>,
  ): Domain =>
    Object.freeze({
      index,
      domid: domid as DomainId,
      name,
      labels: Object.freeze([...labels]),
      mac: null,
      ipv4: null,
      ipv6: null,
      routes: [],
      station: NO_STATION,
      carrier: null,
      vmm: null,
      home: null,
      ...rest,
    });
  const stations = createStations(inventory.domains);
  const all = inventory.domains.map(({ name, domid, ...rest }, index) =>
    create(index, name, domid, closure.get(name) ?? [], { ...rest, station: stations[index] ?? NO_STATION }),
  );
  const byDomid = new Map<number, Domain>(all.map((domain) => [domain.domid, domain]));
  const byName = new Map(all.map((domain) => [domain.name, domain]));
  return Object.freeze({
    all: Object.freeze(all),
    byDomid: (domid: number) => byDomid.get(domid),
    byName: (name: string) => byName.get(name),
    // No VM can have this domid, so it resolves to nothing that a frame could name.
    broker: create(all.length, BROKER_NAME, 0xffff, [], {}),
  });
}
