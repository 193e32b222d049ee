/**
 * assertions.csv: what a policy must and must not say, checked at each load.
 *
 * Assertions belong to somebody else than the policy (SELinux's neverallow): whoever edits rows cannot talk them away, and
 * run-time grants are bound by them as well.
 */

import { type Domain, type ServiceClass, WILDCARD } from '../contract/index.ts';
import {
  didYouMean,
  expectFields,
  type Finding,
  fieldText,
  type Pace,
  type Place,
  placeOfField,
  type Row,
  readAccess,
  splitRows,
  type Vocabulary,
} from '../read/index.ts';
import { describeRule, type Examined } from './decider.ts';
import type { Rule } from './rule-index.ts';

export const ASSERTIONS_FILE = 'assertions.csv';

const KINDS = ['neverallow', 'must-allow'] as const;
type Kind = (typeof KINDS)[number];

export interface Assertion {
  readonly place: Place;
  readonly kind: Kind;
  readonly source: string;
  readonly destination: string;
  /** One, or all of them for `*` (neverallow only). */
  readonly classes: readonly ServiceClass[];
  readonly permission: string;
}

export async function readAssertions(
  bytes: Uint8Array,
  words: Vocabulary,
  findings: Finding[],
  pace: Pace,
): Promise<Assertion[]> {
  const assertions: Assertion[] = [];
  for (const row of await splitRows(ASSERTIONS_FILE, bytes, findings, pace)) {
    const read = readAssertion(row, words, findings);
    if (read !== null) assertions.push(read);
    const rest = pace();
    if (rest !== null) await rest;
  }
  return assertions;
}

function readAssertion(row: Row, words: Vocabulary, findings: Finding[]): Assertion | null {
  const kind = KINDS.find((known) => known === fieldText(row, 0));
  if (kind === undefined) {
    const text = fieldText(row, 0);
    const message = `an assertion starts with ${KINDS.join(' or ')}, not with "${text}"${didYouMean(text.toLowerCase(), KINDS)}`;
    findings.push({ ...placeOfField(ASSERTIONS_FILE, row, 0), code: 'F-002', message });
    return null;
  }
  if (!expectFields(ASSERTIONS_FILE, row, `${kind}, source, destination, class, permission`, findings)) return null;
  const place = { file: ASSERTIONS_FILE, line: row.line, column: 1 };
  // "Nothing at all from here to there": the only place where `*` can stand for the class, because it can only forbid.
  if (kind === 'neverallow' && fieldText(row, 3) === WILDCARD && fieldText(row, 4) === WILDCARD) {
    const argo = [...row.fields];
    argo[3] = { text: 'argo', column: row.fields[3]?.column ?? 0 };
    const access = readAccess(ASSERTIONS_FILE, { line: row.line, fields: argo }, 1, words, findings);
    return access === null ? null : { place, kind, ...access, classes: [...words.classes.values()] };
  }
  const access = readAccess(ASSERTIONS_FILE, row, 1, words, findings);
  return access === null ? null : { place, kind, ...access, classes: [access.serviceClass] };
}

export async function checkAssertions(
  assertions: readonly Assertion[],
  examined: Examined,
  findings: Finding[],
  pace: Pace,
): Promise<void> {
  const members = membersBySubject(examined);
  const allows = examined.index.rules.filter(({ row }) => row.effect === 'allow');
  for (const assertion of assertions) {
    if (assertion.kind === 'neverallow') await checkNeverallow(assertion, allows, members, examined, findings, pace);
    else await checkMustAllow(assertion, members, examined, findings, pace);
  }
}

type Members = ReadonlyMap<string, ReadonlySet<Domain>>;

function membersBySubject({ domains, index }: Examined): Members {
  const members = new Map<string, Set<Domain>>();
  for (const domain of [...domains.all, domains.broker]) {
    for (const subject of index.subjectsOf(domain)) {
      const set = members.get(subject);
      if (set === undefined) members.set(subject, new Set([domain]));
      else set.add(domain);
    }
  }
  return members;
}

/** Only cells that some allow row covers can violate; each such row is reported once, with the first cell it opens. */
async function checkNeverallow(
  assertion: Assertion,
  allows: readonly Rule[],
  members: Members,
  examined: Examined,
  findings: Finding[],
  pace: Pace,
): Promise<void> {
  for (const rule of allows) {
    const rest = pace();
    if (rest !== null) await rest;
    if (
      !assertion.classes.includes(rule.row.serviceClass) ||
      !permissionsMeet(rule.row.permission, assertion.permission)
    )
      continue;
    const sources = common(members.get(assertion.source), members.get(rule.row.source));
    const destinations = common(members.get(assertion.destination), members.get(rule.row.destination));
    const violation = await firstAllowed(assertion, rule, sources, destinations, examined, pace);
    if (violation === null) continue;
    const { source, destination, serviceClass, permission } = violation;
    const through = [pathOf(source, rule.row.source), pathOf(destination, rule.row.destination)]
      .filter((text) => text !== '')
      .join(', ');
    const message =
      `neverallow on line ${assertion.place.line} of ${ASSERTIONS_FILE} violated by allow ${source.name} ${destination.name}:${serviceClass.name} { ${permission} } ` +
      `(${rule.row.place.file}:${rule.row.place.line}${through === '' ? '' : `; ${through}`})`;
    findings.push({ ...assertion.place, code: 'A-040', message });
  }
}

/** `chrome-vm is @app` */
function pathOf(domain: Domain, subject: string): string {
  return domain.name === subject ? '' : `${domain.name} is ${subject}`;
}

interface Violation {
  readonly source: Domain;
  readonly destination: Domain;
  readonly serviceClass: ServiceClass;
  readonly permission: string;
}

async function firstAllowed(
  assertion: Assertion,
  rule: Rule,
  sources: readonly Domain[],
  destinations: readonly Domain[],
  { decider }: Examined,
  pace: Pace,
): Promise<Violation | null> {
  const { serviceClass } = rule.row;
  for (const source of sources) {
    for (const destination of destinations) {
      const verdicts = decider.decide(source, destination, serviceClass);
      for (const [position, permission] of serviceClass.permissions.entries()) {
        if (!permissionsMeet(permission, assertion.permission) || !permissionsMeet(permission, rule.row.permission))
          continue;
        if (verdicts[position]?.allowed === true) return { source, destination, serviceClass, permission };
      }
      const rest = pace();
      if (rest !== null) await rest;
    }
  }
  return null;
}

async function checkMustAllow(
  assertion: Assertion,
  members: Members,
  examined: Examined,
  findings: Finding[],
  pace: Pace,
): Promise<void> {
  const serviceClass = assertion.classes[0];
  if (serviceClass === undefined) return;
  const sources = [...(members.get(assertion.source) ?? [])];
  const destinations = [...(members.get(assertion.destination) ?? [])];
  for (const source of sources) {
    for (const destination of destinations) {
      const verdicts = examined.decider.decide(source, destination, serviceClass);
      for (const [position, permission] of serviceClass.permissions.entries()) {
        if (
          !permissionsMeet(permission, assertion.permission) ||
          neverAsked(serviceClass, permission, destination, examined)
        )
          continue;
        const verdict = verdicts[position];
        if (verdict?.allowed === true) continue;
        const message = `must-allow on line ${assertion.place.line} of ${ASSERTIONS_FILE} does not hold: ${source.name} ${destination.name}:${serviceClass.name} { ${permission} } is denied ${describeRule(verdict?.rule)}`;
        findings.push({ ...assertion.place, code: 'A-041', message });
        return;
      }
      const rest = pace();
      if (rest !== null) await rest;
    }
  }
}

/** argo's permissions come in two pairs: asked of the broker, asked of a domain. `*` means the pair that can be asked. */
function neverAsked(
  serviceClass: ServiceClass,
  permission: string,
  destination: Domain,
  { domains }: Examined,
): boolean {
  const ofBroker = permission === 'enable' || permission === 'register_any_source';
  return serviceClass.index === 0 && ofBroker !== (destination === domains.broker);
}

function permissionsMeet(a: string, b: string): boolean {
  return a === b || a === WILDCARD || b === WILDCARD;
}

function common(a: ReadonlySet<Domain> | undefined, b: ReadonlySet<Domain> | undefined): Domain[] {
  if (a === undefined || b === undefined) return [];
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  return [...small].filter((domain) => large.has(domain));
}
