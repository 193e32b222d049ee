/**
 * What the map draws: domains, and labels that stand for many domains. Pure.
 *
 * With few domains each is drawn. With many, each label is drawn once, with the sum of what its domains do, and one label
 * at a time is open: its busiest domains are drawn. So a map never has more than a bounded number of units, and all their
 * names can be read.
 */
import { byText } from '../../../../broker/base/index.ts';
import type { Arrow, MapNow, PairTraffic, Unit } from '../answers.ts';
import { addTraffic, busiestFirst, noTraffic, type TrafficSum, type Window } from './flows.ts';

export const MAX_UNITS = 64;
export const MIN_UNITS = 12;
/** Arrows of a map; the quietest are left out. */
const MAX_ARROWS = 300;
/** A label with so few domains is drawn as these. */
const SMALL_GROUP = 3;

export interface DomainNow {
  readonly name: string;
  readonly labels: readonly string[];
  readonly isConnected: boolean;
}

export interface Drawing {
  readonly most: number;
  /** The label to open, and the domain that must be drawn by itself. */
  readonly open: string | null;
  readonly focus: string | null;
}

export function mapOf(
  domains: readonly DomainNow[],
  { flows, refused }: Pick<Window, 'flows' | 'refused'>,
  drawing: Drawing,
): MapNow {
  const drawer = new Drawer(domains, flows, refused, drawing);
  const unitOf = new Map(drawer.units.flatMap(({ unit, members }) => members.map(({ name }) => [name, unit.id])));
  return { units: drawer.units.map(({ unit }) => unit), ...arrowsOf(flows, unitOf), open: drawer.open };
}

interface Drawn {
  readonly unit: Unit;
  readonly members: readonly DomainNow[];
}

class Drawer {
  readonly units: Drawn[] = [];
  readonly open: string | null;
  readonly #refused: ReadonlyMap<string, number>;
  readonly #activity: ReadonlyMap<string, TrafficSum>;
  readonly #focus: string | null;

  constructor(
    domains: readonly DomainNow[],
    flows: readonly PairTraffic[],
    refused: ReadonlyMap<string, number>,
    { most, open, focus }: Drawing,
  ) {
    this.#refused = refused;
    this.#focus = focus;
    const groups = groupsOf(domains);
    if (domains.length <= most) {
      this.open = null;
      this.#activity = new Map();
      for (const [label, members] of groups) this.#each(label, members);
      return;
    }
    this.#activity = activityOf(flows);
    const focused = domains.find(({ name }) => name === focus);
    this.open = focused === undefined ? open : labelOf(focused);
    // Labels that do not fit are drawn as one.
    const shown = groups
      .toSorted(([a, x], [b, y]) => Number(b === this.open) - Number(a === this.open) || y.length - x.length)
      .slice(0, Math.floor(most / 3));
    const room = most - shown.length * 2;
    for (const [label, members] of groups.filter((group) => shown.includes(group))) {
      if (label === this.open) this.#busiest(label, members, Math.max(SMALL_GROUP, room));
      else if (members.length <= SMALL_GROUP && shown.length * SMALL_GROUP <= most) this.#each(label, members);
      else this.#one({ id: `label:${label}`, kind: 'label', name: label, label }, members);
    }
    const others = groups.filter((group) => !shown.includes(group)).flatMap(([, members]) => members);
    if (others.length > 0) this.#one({ id: 'rest:', kind: 'rest', name: '', label: '' }, others);
  }

  #busiest(label: string, members: readonly DomainNow[], room: number): void {
    const sorted = members.toSorted(
      (a, b) =>
        this.#rank(b) - this.#rank(a) ||
        busiestFirst(this.#activity.get(a.name) ?? noTraffic(), this.#activity.get(b.name) ?? noTraffic()) ||
        byText(a.name, b.name),
    );
    this.#each(label, sorted.slice(0, room));
    if (sorted.length > room) this.#one({ id: `rest:${label}`, kind: 'rest', name: label, label }, sorted.slice(room));
  }

  #rank({ name }: DomainNow): number {
    return (name === this.#focus ? 2 : 0) + (this.#refused.has(name) ? 1 : 0);
  }

  #each(label: string, members: readonly DomainNow[]): void {
    for (const member of members.toSorted((a, b) => byText(a.name, b.name)))
      this.#one({ id: `domain:${member.name}`, kind: 'domain', name: member.name, label }, [member]);
  }

  #one(unit: Pick<Unit, 'id' | 'kind' | 'name' | 'label'>, members: readonly DomainNow[]): void {
    const counted = {
      labels: unit.kind === 'domain' ? (members[0]?.labels ?? []) : [],
      domains: members.length,
      connected: members.filter(({ isConnected }) => isConnected).length,
      refused: members.reduce((sum, { name }) => sum + (this.#refused.get(name) ?? 0), 0),
    };
    this.units.push({ unit: { ...unit, ...counted }, members });
  }
}

/** By first label, in the order of the labels. */
function groupsOf(domains: readonly DomainNow[]): readonly (readonly [label: string, members: DomainNow[]])[] {
  const groups = new Map<string, DomainNow[]>();
  for (const domain of domains) {
    const members = groups.get(labelOf(domain)) ?? [];
    groups.set(labelOf(domain), members);
    members.push(domain);
  }
  return [...groups].sort(([a], [b]) => byText(a, b));
}

function labelOf({ labels }: DomainNow): string {
  return labels[0] ?? '';
}

/** What each domain sends and receives. */
function activityOf(flows: readonly PairTraffic[]): Map<string, TrafficSum> {
  const found = new Map<string, TrafficSum>();
  for (const flow of flows) {
    for (const name of [flow.src, flow.dst]) {
      const sum = found.get(name) ?? noTraffic();
      found.set(name, sum);
      addTraffic(sum, flow);
    }
  }
  return found;
}

function arrowsOf(
  flows: readonly PairTraffic[],
  unitOf: ReadonlyMap<string, string>,
): Pick<MapNow, 'arrows' | 'hidden'> {
  const arrows = new Map<string, Pick<Arrow, 'from' | 'to'> & { pairs: number } & TrafficSum>();
  for (const flow of flows) {
    const [from, to] = [unitOf.get(flow.src), unitOf.get(flow.dst)];
    if (from === undefined || to === undefined || (flow.messages === 0 && flow.denied === 0)) continue;
    // A domain that speaks to itself crosses nothing.
    if (flow.src === flow.dst) continue;
    const key = `${from}\n${to}`;
    const arrow = arrows.get(key) ?? { from, to, pairs: 0, ...noTraffic() };
    arrows.set(key, arrow);
    arrow.pairs += 1;
    addTraffic(arrow, flow);
  }
  const sorted = [...arrows.values()].sort(busiestFirst);
  return { arrows: sorted.slice(0, MAX_ARROWS), hidden: Math.max(0, sorted.length - MAX_ARROWS) };
}
