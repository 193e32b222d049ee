/** The linter: rows that mean something else than their writer thinks. It never refuses a policy. */
import { ANY_LABEL, MANY_MEMBERS, MAX_FINDINGS, WILDCARD } from '../../contract/index.ts';
import {
  addBits,
  type Bits,
  emptyBits,
  isEmptyBits,
  keepBits,
  kindsOf,
  membersOf,
  type Rule,
  removeBits,
} from '../../decide/index.ts';
import type { PolicyBuild } from '../../load/index.ts';
import type { Work } from '../../read/index.ts';
import { RowCells } from '../row-cells.ts';
import { lintAuditRows } from './audit-rows.ts';
import { conflictOf, deniesByClass } from './conflicts.ts';
import { Directions } from './directions.ts';
import type { Warning, WarningCode } from './pages.ts';

export function* lintPolicy(policy: PolicyBuild): Work<Warning[]> {
  const warnings: Warning[] = [];
  const cells = new RowCells(policy);
  const isLater = duplicates(policy, warnings);
  const covered = yield* coverage(policy, cells, isLater);
  const denies = deniesByClass(policy, cells);
  const directions = new Directions(policy, cells);
  for (const rule of policy.examined.book.index.rules) {
    yield;
    if (warnings.length >= MAX_FINDINGS) return warnings;
    if (isLater.has(rule) || cells.isOpen(rule)) continue;
    lintRule(policy, cells, covered, rule, warnings);
    const conflict = conflictOf(policy, cells, denies, rule);
    if (conflict !== null) warnings.push({ ...rule.row.place, code: 'W-023', message: conflict });
    const direction = directions.messageOf(rule);
    if (direction !== null) warnings.push({ ...rule.row.place, code: 'W-029', message: direction });
  }
  lintAuditRows(policy, cells, warnings);
  unusedNames(policy, warnings);
  isolatedDomains(policy, warnings);
  vacuousAssertions(policy, warnings);
  return warnings;
}

/** W-020. Returns the rows that repeat an earlier one. */
function duplicates(policy: PolicyBuild, warnings: Warning[]): Set<Rule> {
  const first = new Map<string, Rule>();
  const later = new Set<Rule>();
  for (const rule of policy.examined.book.index.rules) {
    const key = rule.casbinRow.join();
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, rule);
    else {
      later.add(rule);
      warnings.push({ ...rule.row.place, code: 'W-020', message: `the same row as on line ${earlier.row.place.line}` });
    }
  }
  return later;
}

/** For each source kind, class, permission and effect: destination kinds that at least one, and at least two rows cover. */
interface Coverage {
  readonly once: Map<string, Bits>;
  readonly twice: Map<string, Bits>;
}

function keyOf(source: number, { row }: Rule, position: number, effect: string): string {
  return `${source} ${row.serviceClass.index} ${position} ${effect}`;
}

function* coverage({ examined }: PolicyBuild, cells: RowCells, isLater: ReadonlySet<Rule>): Work<Coverage> {
  const once = new Map<string, Bits>();
  const twice = new Map<string, Bits>();
  const own = (map: Map<string, Bits>, key: string): Bits => {
    let bits = map.get(key);
    if (bits === undefined) {
      bits = emptyBits(examined.expansion.capacity);
      map.set(key, bits);
    }
    return bits;
  };
  for (const rule of examined.book.index.rules) {
    yield;
    // A row for a grantable label covers what its members by the files have.
    if (isLater.has(rule)) continue;
    const destinations = cells.destinations(rule);
    for (const source of membersOf(cells.sources(rule))) {
      for (const position of cells.slots(rule)) {
        const key = keyOf(source, rule, position, rule.row.effect);
        const again = destinations.slice();
        keepBits(again, own(once, key));
        addBits(own(twice, key), again);
        addBits(own(once, key), destinations);
      }
    }
  }
  return { once, twice };
}

function lintRule(policy: PolicyBuild, cells: RowCells, covered: Coverage, rule: Rule, warnings: Warning[]): void {
  const { row } = rule;
  const warn = (code: WarningCode, message: string) => void warnings.push({ ...row.place, code, message });
  const other = row.effect === 'allow' ? 'deny' : 'allow';
  const isCovered = (map: Map<string, Bits>, effect: string): boolean =>
    every(cells, rule, (source, position, bits) => {
      const by = map.get(keyOf(source, rule, position, effect));
      if (by === undefined) return isEmptyBits(bits);
      removeBits(bits, by);
      return isEmptyBits(bits);
    });
  const isMet = !every(cells, rule, (source, position, bits) => {
    const by = covered.once.get(keyOf(source, rule, position, other));
    if (by === undefined) return true;
    keepBits(bits, by);
    return isEmptyBits(bits);
  });
  if (row.effect === 'allow' && isCovered(covered.once, 'deny')) {
    warn('W-022', 'every request that this row allows is denied by another row');
  } else if (row.effect === 'deny' && !isMet) {
    warn('W-024', 'no row allows what this row denies: it changes nothing');
  } else if (isCovered(covered.twice, row.effect)) {
    warn('W-021', `other rows ${row.effect} everything that this row does${coverOf(policy, cells, rule)}`);
  } else if (row.effect === 'allow') {
    lintAllow(policy, cells, rule, warn);
  }
}

/** True when the test holds for every source kind and permission of the row. It may change the bits it is given. */
function every(cells: RowCells, rule: Rule, test: (source: number, position: number, bits: Bits) => boolean): boolean {
  const destinations = cells.destinations(rule);
  for (const source of membersOf(cells.sources(rule))) {
    for (const position of cells.slots(rule)) if (!test(source, position, destinations.slice())) return false;
  }
  return true;
}

/** The one row that covers this one alone, if there is such a row. */
function coverOf(policy: PolicyBuild, cells: RowCells, rule: Rule): string {
  const { row } = rule;
  const within = (small: Bits, large: Bits): boolean => {
    const rest = small.slice();
    removeBits(rest, large);
    return isEmptyBits(rest);
  };
  const cover = policy.examined.book.index.rules.find(
    (other) =>
      other !== rule &&
      other.row.effect === row.effect &&
      other.row.serviceClass === row.serviceClass &&
      (other.row.permission === WILDCARD || other.row.permission === row.permission) &&
      other.casbinRow.join() !== rule.casbinRow.join() &&
      within(cells.sources(rule), cells.sources(other)) &&
      within(cells.destinations(rule), cells.destinations(other)),
  );
  return cover === undefined ? '' : `; line ${cover.row.place.line} alone does`;
}

const ARGO_SEND = 3;

function lintAllow(
  policy: PolicyBuild,
  cells: RowCells,
  rule: Rule,
  warn: (code: WarningCode, message: string) => void,
): void {
  const { row } = rule;
  const { expansion } = policy.examined;
  if (row.source === row.destination && policy.domains.byName(row.source) !== undefined) {
    warn('W-026', `allows ${row.source} to reach itself`);
    return;
  }
  if (row.source === ANY_LABEL && row.destination === ANY_LABEL) {
    warn('W-025', 'allows every domain to reach every domain');
  } else if (
    row.permission === WILDCARD &&
    (row.source === ANY_LABEL || row.destination === ANY_LABEL) &&
    row.serviceClass.permissions.length > 1
  ) {
    warn('W-025', `allows every permission of ${row.serviceClass.name}, also those that are added later`);
  } else if (row.permission === WILDCARD && row.serviceClass.permissions.length > 1) {
    const members = policy.domains.all.filter(({ labels }) => labels.includes(row.source)).length;
    if (members >= MANY_MEMBERS)
      warn('W-027', `allows every permission of ${row.serviceClass.name} to the ${members} domains with ${row.source}`);
  }
  const argo = policy.classes.all[0];
  if (row.serviceClass === argo || argo === undefined) return;
  const canSend = !every(cells, rule, (source, _, bits) => {
    keepBits(bits, expansion.allowed(source, argo, ARGO_SEND));
    return isEmptyBits(bits);
  });
  if (!canSend) {
    warn('W-033', 'no message can use this row: class argo lets no such source send to such a destination');
    return;
  }
  const bound = policy.source.parts.bound.find(({ serviceClass }) => serviceClass === row.serviceClass);
  const label = bound?.destination ?? null;
  if (label === null || row.serviceClass.name === 'unclassified') return;
  const servers = kindsOf(label, policy.examined).slice();
  keepBits(servers, cells.destinations(rule));
  if (isEmptyBits(servers) && policy.labels.get(label)?.grantable !== true)
    warn('W-034', `no destination of this row has ${label}, so none of its ports is of class ${row.serviceClass.name}`);
}

function unusedNames(policy: PolicyBuild, warnings: Warning[]): void {
  const { parts } = policy.source;
  const { named } = policy.examined.book.index;
  const used = new Set([
    ...named,
    ...parts.audit.flatMap(({ source, destination }) => [source, destination]),
    ...parts.bound.flatMap(({ destination }) => (destination === null ? [] : [destination])),
    ...parts.assertions.flatMap(({ source, destination, exceptions }) => [
      source,
      destination,
      ...exceptions.flatMap((exception) => [exception.source, exception.destination]),
    ]),
    ...parts.structural.flatMap((each) => {
      if (each.kind === 'separate') return [each.first, each.second];
      return each.kind === 'max-fan' ? [each.subject] : [each.source, each.destination, ...each.via];
    }),
    ...parts.memberships.filter(({ member }) => member.startsWith('@')).map(({ member }) => member),
  ]);
  for (const [label, { place }] of parts.inventory.labels) {
    if (!used.has(label))
      warnings.push({ ...place, code: 'W-031', message: `no row, class or assertion uses "${label}"` });
  }
}

/** W-032. A neverallow that names the domain says that it is meant. */
function isolatedDomains({ domains, examined, source }: PolicyBuild, warnings: Warning[]): void {
  const { parts } = source;
  const named = new Set([
    ...examined.book.index.rules.flatMap(({ row }) => [row.source, row.destination]),
    ...parts.audit.flatMap(({ source, destination }) => [source, destination]),
    ...parts.assertions.flatMap((assertion) => [assertion.source, assertion.destination]),
  ]);
  if (named.has(ANY_LABEL)) named.delete(ANY_LABEL);
  for (const { name, labels } of domains.all) {
    if (named.has(name) || labels.some((label) => named.has(label))) continue;
    const place = parts.inventory.domains.find((each) => each.name === name)?.place;
    if (place !== undefined)
      warnings.push({ ...place, code: 'W-032', message: `no row or assertion is about "${name}" or a label of it` });
  }
}

function vacuousAssertions(policy: PolicyBuild, warnings: Warning[]): void {
  const { examined, source, labels } = policy;
  const isNobody = (subject: string): boolean =>
    labels.get(subject)?.grantable !== true &&
    [...membersOf(kindsOf(subject, examined))].every((kind) => !examined.placement.isPopulated(kind));
  for (const { place, kind, source: from, destination, exceptions } of source.parts.assertions) {
    const empty = [from, destination].find(isNobody);
    if (empty !== undefined) {
      warnings.push({ ...place, code: 'W-040', message: `no domain has ${empty}, so this ${kind} says nothing` });
    }
    for (const exception of exceptions) {
      const meets = (subject: string, scope: string): boolean => {
        const bits = kindsOf(subject, examined).slice();
        keepBits(bits, kindsOf(scope, examined));
        return !isEmptyBits(bits);
      };
      if (meets(exception.source, from) && meets(exception.destination, destination)) continue;
      const message = `the exception ${exception.source} ${exception.destination} exempts nothing that the line covers`;
      warnings.push({ ...exception.place, code: 'W-041', message });
    }
  }
}
