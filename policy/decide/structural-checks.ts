/** Checks assertions about the shape of a policy: what can flow where, which labels exclude each other, how far a domain reaches. */
import type { Domain, ServiceClass } from '../contract/index.ts';
import type { Finding, Work } from '../read/index.ts';
import { kindsOf } from './assertion-checks.ts';
import { ASSERTIONS_FILE, type FanAssertion, type FlowAssertion, type StructuralAssertion } from './assertions.ts';
import { addBits, type Bits, emptyBits, hasBit, keepBits, membersOf, setBit } from './bits.ts';
import type { Surveyed } from './decider.ts';

const ARGO_SEND = 3;

export function* checkStructure(
  assertions: readonly StructuralAssertion[],
  examined: Surveyed,
  classes: readonly ServiceClass[],
  findings: Finding[],
): Work<void> {
  if (assertions.length === 0) return;
  const flows = assertions.some(({ kind }) => kind !== 'separate') ? yield* flowsByKind(examined, classes) : [];
  for (const assertion of assertions) {
    yield;
    if (assertion.kind === 'separate') {
      const both = examined.placement.domains.all.find(
        ({ labels }) => labels.includes(assertion.first) && labels.includes(assertion.second),
      );
      if (both === undefined) continue;
      const message = `separate on line ${assertion.place.line} of ${ASSERTIONS_FILE} violated: ${both.name} is both ${assertion.first} and ${assertion.second}`;
      findings.push({ ...assertion.place, code: 'A-043', message });
    } else if (assertion.kind === 'max-fan') checkFan(assertion, examined, flows, findings);
    else checkFlow(assertion, examined, flows, findings);
  }
}

/** By source kind: the kinds that information reaches in one step. */
function* flowsByKind({ expansion, placement }: Surveyed, classes: readonly ServiceClass[]): Work<Bits[]> {
  const populated = emptyBits(expansion.capacity);
  for (const kind of placement.populated) setBit(populated, kind);
  const flows = Array.from({ length: expansion.capacity }, () => emptyBits(expansion.capacity));
  const [argo, ...others] = classes;
  if (argo === undefined) return flows;
  for (const source of membersOf(populated)) {
    const sendable = expansion.allowed(source, argo, ARGO_SEND).slice();
    keepBits(sendable, populated);
    for (const serviceClass of others) {
      for (let position = 0; position < serviceClass.permissions.length; position++) {
        const reached = expansion.allowed(source, serviceClass, position).slice();
        keepBits(reached, sendable);
        const own = flows[source];
        if (serviceClass.flow !== 'to-source' && own !== undefined) addBits(own, reached);
        if (serviceClass.flow === 'to-destination') continue;
        for (const destination of membersOf(reached)) {
          const back = flows[destination];
          if (back !== undefined) setBit(back, source);
        }
      }
      yield;
    }
  }
  return flows;
}

/** A breadth-first search over kinds: relays that the line names are not passed. */
function checkFlow(assertion: FlowAssertion, examined: Surveyed, flows: readonly Bits[], findings: Finding[]): void {
  const { placement } = examined;
  const targets = kindsOf(assertion.destination, examined);
  const relays = emptyBits(examined.expansion.capacity);
  for (const relay of assertion.via) addBits(relays, kindsOf(relay, examined));
  for (const first of membersOf(kindsOf(assertion.source, examined))) {
    if (!placement.isPopulated(first)) continue;
    const from = new Map<number, number>();
    const queue = [first];
    for (let kind = queue.shift(); kind !== undefined; kind = queue.shift()) {
      if (kind !== first && hasBit(relays, kind)) continue;
      for (const reached of membersOf(flows[kind] ?? emptyBits(0))) {
        if (from.has(reached)) continue;
        from.set(reached, kind);
        if (hasBit(targets, reached) && !isSameDomain(first, reached, examined)) {
          const path = pathTo(reached, first, from).map((each) => placement.members(each)[0]?.name ?? '');
          const message = `neverflow on line ${assertion.place.line} of ${ASSERTIONS_FILE} violated: ${path.join(' -> ')}`;
          findings.push({ ...assertion.place, code: 'A-042', message });
          return;
        }
        queue.push(reached);
      }
    }
  }
}

function pathTo(last: number, first: number, from: ReadonlyMap<number, number>): number[] {
  const path = [last];
  for (let at = from.get(last); at !== undefined; at = from.get(at)) {
    path.unshift(at);
    if (at === first) break;
  }
  return path;
}

/** Information that returns to its own domain is not a flow to another domain. */
function isSameDomain(a: number, b: number, { placement }: Surveyed): boolean {
  return a === b && placement.members(a).length < 2;
}

function checkFan(assertion: FanAssertion, examined: Surveyed, flows: readonly Bits[], findings: Finding[]): void {
  const { placement } = examined;
  const size = (kind: number): number => placement.members(kind).length;
  for (const kind of membersOf(kindsOf(assertion.subject, examined))) {
    const [domain]: readonly (Domain | undefined)[] = placement.members(kind);
    if (domain === undefined) continue;
    const others =
      assertion.direction === 'out'
        ? [...membersOf(flows[kind] ?? emptyBits(0))]
        : [...flows.keys()].filter((source) => hasBit(flows[source] ?? emptyBits(0), kind));
    const count = others.reduce((sum, other) => sum + size(other) - (other === kind ? 1 : 0), 0);
    if (count <= assertion.limit) continue;
    const word = assertion.direction === 'out' ? 'reaches' : 'is reached by';
    const message = `max-fan on line ${assertion.place.line} of ${ASSERTIONS_FILE} violated: ${domain.name} ${word} ${count} domains, at most ${assertion.limit}`;
    findings.push({ ...assertion.place, code: 'A-045', message });
    return;
  }
}
