/** Checks assertions against the expansion: all cells of a line at once, by bit sets. */
import { type Domain, MAX_FINDINGS, type ServiceClass } from '../contract/index.ts';
import { type Finding, isAskedOfBroker, permissionsMeet, type Work } from '../read/index.ts';
import { ASSERTIONS_FILE, type Assertion } from './assertions.ts';
import { type Bits, emptyBits, hasBit, isEmptyBits, keepBits, membersOf, removeBits, setBit } from './bits.ts';
import { Decider, describeRule, type Examined, type Surveyed } from './decider.ts';
import type { Rule } from './rule-index.ts';

/**
 * @param among kinds that can differ from a policy that was checked before; only cells with one of them are looked at. Null =
 *   all cells.
 */
export function* checkAssertions(
  assertions: readonly Assertion[],
  examined: Examined,
  findings: Finding[],
  among: Bits | null = null,
): Work<void> {
  const populated = emptyBits(examined.expansion.capacity);
  for (const kind of examined.placement.populated) setBit(populated, kind);
  for (const assertion of assertions) {
    const scope = { assertion, examined, populated, among };
    if (assertion.kind === 'neverallow') yield* checkNeverallow(scope, findings);
    else yield* checkMustAllow(scope, findings);
    if (findings.length >= MAX_FINDINGS) return;
  }
}

interface Scope {
  readonly assertion: Assertion;
  readonly examined: Examined;
  readonly populated: Bits;
  readonly among: Bits | null;
}

function* checkNeverallow(scope: Scope, findings: Finding[]): Work<void> {
  const { assertion, examined } = scope;
  const sources = kindsOf(assertion.source, examined);
  const destinations = kindsOf(assertion.destination, examined);
  for (const serviceClass of assertion.classes) {
    for (const [position, permission] of serviceClass.permissions.entries()) {
      if (!permissionsMeet(permission, assertion.permission)) continue;
      for (const source of membersOf(sources)) {
        yield;
        const violating = violations(scope, source, destinations, serviceClass, position);
        if (isEmptyBits(violating)) continue;
        yield* reportRows(scope, findings);
        return;
      }
    }
  }
}

/** Destination kinds to which the source kind is allowed what the line forbids. */
function violations(
  { assertion, examined, populated, among }: Scope,
  source: number,
  destinations: Bits,
  serviceClass: ServiceClass,
  position: number,
): Bits {
  const { expansion, placement } = examined;
  const bits = destinations.slice();
  if (!placement.isPopulated(source)) return bits.fill(0);
  keepBits(bits, expansion.allowed(source, serviceClass, position));
  keepBits(bits, populated);
  if (among !== null && !hasBit(among, source)) keepBits(bits, among);
  for (const exception of assertion.exceptions) {
    if (hasBit(kindsOf(exception.source, examined), source)) removeBits(bits, kindsOf(exception.destination, examined));
  }
  return bits;
}

/** Each allow row that opens a forbidden cell is reported once, with the first such cell. */
function* reportRows(scope: Scope, findings: Finding[]): Work<void> {
  const { assertion, examined } = scope;
  for (const rule of examined.book.index.rules) {
    yield;
    if (findings.length >= MAX_FINDINGS) return;
    const { row } = rule;
    if (row.effect !== 'allow' || !assertion.classes.includes(row.serviceClass)) continue;
    if (!permissionsMeet(row.permission, assertion.permission)) continue;
    const cell = firstViolation(scope, rule);
    if (cell === null) continue;
    const { source, destination, permission } = cell;
    const through = [pathOf(source, row.source), pathOf(destination, row.destination)].filter((text) => text !== '');
    const why = [`${row.place.file}:${row.place.line}`, ...(through.length === 0 ? [] : [through.join(', ')])].join(
      '; ',
    );
    const message =
      `neverallow on line ${assertion.place.line} of ${ASSERTIONS_FILE} violated by allow ` +
      `${source.name} ${destination.name}:${row.serviceClass.name} { ${permission} } (${why})`;
    findings.push({ ...assertion.place, code: 'A-040', message });
  }
}

interface Cell {
  readonly source: Domain;
  readonly destination: Domain;
  readonly permission: string;
}

function firstViolation(scope: Scope, { row }: Rule): Cell | null {
  const { assertion, examined } = scope;
  const sources = kindsOf(assertion.source, examined).slice();
  keepBits(sources, kindsOf(row.source, examined));
  const destinations = kindsOf(assertion.destination, examined).slice();
  keepBits(destinations, kindsOf(row.destination, examined));
  for (const source of membersOf(sources)) {
    for (const [position, permission] of row.serviceClass.permissions.entries()) {
      if (!permissionsMeet(permission, assertion.permission) || !permissionsMeet(permission, row.permission)) continue;
      for (const destination of membersOf(violations(scope, source, destinations, row.serviceClass, position))) {
        const from = exampleOf(assertion.source, source, examined);
        const to = exampleOf(assertion.destination, destination, examined);
        if (from !== undefined && to !== undefined) return { source: from, destination: to, permission };
      }
    }
  }
  return null;
}

function* checkMustAllow(scope: Scope, findings: Finding[]): Work<void> {
  const { assertion, examined, populated, among } = scope;
  const { serviceClass } = assertion;
  const { expansion, placement } = examined;
  const broker = kindsOf(placement.domains.broker.name, examined);
  const destinations = kindsOf(assertion.destination, examined);
  for (const source of membersOf(kindsOf(assertion.source, examined))) {
    if (!placement.isPopulated(source)) continue;
    for (const [position, permission] of serviceClass.permissions.entries()) {
      if (!permissionsMeet(permission, assertion.permission)) continue;
      const missing = destinations.slice();
      keepBits(missing, populated);
      if (among !== null && !hasBit(among, source)) keepBits(missing, among);
      removeBits(missing, expansion.allowed(source, serviceClass, position));
      // argo's permissions come in two pairs: asked of the broker, asked of a domain. `*` means the pair that can be asked.
      if (isAskedOfBroker(serviceClass, permission)) keepBits(missing, broker);
      else removeBits(missing, broker);
      const [first] = membersOf(missing);
      if (first === undefined) continue;
      const from = exampleOf(assertion.source, source, examined);
      const to = exampleOf(assertion.destination, first, examined);
      if (from === undefined || to === undefined) continue;
      const verdict = new Decider(examined).decide(from, to, serviceClass)[position];
      const request = `${from.name} ${to.name}:${serviceClass.name} { ${permission} }`;
      const message = `must-allow on line ${assertion.place.line} of ${ASSERTIONS_FILE} does not hold: ${request} is denied ${describeRule(verdict?.rule)}`;
      findings.push({ ...assertion.place, code: 'A-041', message });
      return;
    }
    yield;
  }
}

/** Kinds that a subject stands for. A domain that no row names shares its kind with others that have equal answers. */
export function kindsOf(subject: string, { expansion, placement, book }: Surveyed): Bits {
  const domain = placement.domains.byName(subject);
  if (domain === undefined || book.index.named.has(subject)) return expansion.members(subject);
  const bits = emptyBits(expansion.capacity);
  setBit(bits, placement.kind(domain));
  return bits;
}

/** A domain of the kind: the one that the subject names, else the first. */
function exampleOf(subject: string, kind: number, { placement }: Examined): Domain | undefined {
  return placement.domains.byName(subject) ?? placement.members(kind)[0];
}

/** `chrome-vm is @app` */
function pathOf(domain: Domain, subject: string): string {
  return domain.name === subject ? '' : `${domain.name} is ${subject}`;
}

/** A set of the kinds of some domains. */
export function kindsOfDomains(domains: Iterable<Domain>, { expansion, placement }: Examined): Bits {
  const bits = emptyBits(expansion.capacity);
  for (const domain of domains) setBit(bits, placement.kind(domain));
  return bits;
}
