/** policy.csv: `p` and `g` rows, each either understood completely or a finding. */
import type { Finding, Place } from './finding.ts';
import type { Inventory, Membership } from './inventory.ts';
import { ANY_LABEL, BROKER_NAME, isLabel, isName, isPermissionName, WILDCARD } from './names.ts';
import type { Pace } from './pace.ts';
import { expectFields, fieldText, placeOfField, type Row, splitRows } from './rows.ts';
import type { ServiceClass } from './services.ts';
import { didYouMean } from './suggest.ts';

export const POLICY_FILE = 'policy.csv';

export type Effect = 'allow' | 'deny';

/** One understood `p` row. */
export interface PolicyRow {
  readonly place: Place;
  /** A domain, a label, or (destination only) `broker`. */
  readonly source: string;
  readonly destination: string;
  readonly serviceClass: ServiceClass;
  /** A permission of the class, or `*`. */
  readonly permission: string;
  readonly effect: Effect;
}

export interface PolicyRows {
  readonly rows: readonly PolicyRow[];
  readonly memberships: readonly Membership[];
}

/** What rows may speak of. */
export interface Vocabulary {
  readonly domains: ReadonlySet<string>;
  readonly labels: ReadonlySet<string>;
  readonly classes: ReadonlyMap<string, ServiceClass>;
}

export function vocabularyOf(inventory: Inventory, classes: readonly ServiceClass[]): Vocabulary {
  return {
    domains: new Set(inventory.domains.map(({ name }) => name)),
    labels: new Set([...inventory.labels.keys(), ANY_LABEL]),
    classes: new Map(classes.map((serviceClass) => [serviceClass.name, serviceClass])),
  };
}

const P_SHAPE = 'p, source, destination, class, permission, allow|deny';
const G_SHAPE = 'g, domain or @label, @label';

/** Permissions whose destination is the broker itself, as xen_t is in Flask. */
const ASKED_OF_BROKER: readonly string[] = ['enable', 'register_any_source'];

export async function readPolicyRows(
  bytes: Uint8Array,
  words: Vocabulary,
  findings: Finding[],
  pace: Pace,
): Promise<PolicyRows> {
  const rows: PolicyRow[] = [];
  const memberships: Membership[] = [];
  const before = findings.length;
  const split = await splitRows(POLICY_FILE, bytes, findings, pace);
  for (const row of split) {
    const type = fieldText(row, 0);
    if (type === 'p') {
      const read = readRule(row, words, findings);
      if (read !== null) rows.push(read);
    } else if (type === 'g') {
      const read = readMembership(row, words, findings);
      if (read !== null) memberships.push(read);
    } else {
      const message = `a row starts with "p" or "g", not with "${type}"${didYouMean(type.toLowerCase(), ['p', 'g', 'policy'])}`;
      findings.push({ ...placeOfField(POLICY_FILE, row, 0), code: 'F-002', message });
    }
    const rest = pace();
    if (rest !== null) await rest;
  }
  if (rows.length === 0 && findings.length === before) {
    findings.push({
      file: POLICY_FILE,
      line: 0,
      column: 0,
      code: 'F-007',
      message: 'no "p" row: nothing would be allowed to anybody',
    });
  }
  return { rows, memberships };
}

function readRule(row: Row, words: Vocabulary, findings: Finding[]): PolicyRow | null {
  if (!expectFields(POLICY_FILE, row, P_SHAPE, findings)) return null;
  const asked = readAccess(POLICY_FILE, row, 1, words, findings);
  const effect = readEffect(POLICY_FILE, row, 5, findings);
  if (asked === null || effect === null) return null;
  return { place: { file: POLICY_FILE, line: row.line, column: 1 }, ...asked, effect };
}

export function readEffect(file: string, row: Row, position: number, findings: Finding[]): Effect | null {
  const text = fieldText(row, position);
  if (text === 'allow' || text === 'deny') return text;
  const message = `effect "${text}"; expected exactly "allow" or "deny"${didYouMean(text.toLowerCase(), ['allow', 'deny'])}`;
  findings.push({ ...placeOfField(file, row, position), code: 'E-015', message });
  return null;
}

export interface Access {
  readonly source: string;
  readonly destination: string;
  readonly serviceClass: ServiceClass;
  readonly permission: string;
}

/** The four fields source, destination, class, permission, starting at `first`; null after a finding. */
export function readAccess(
  file: string,
  row: Row,
  first: number,
  words: Vocabulary,
  findings: Finding[],
): Access | null {
  const source = readSubject(file, row, first, words, findings);
  const destination =
    fieldText(row, first + 1) === BROKER_NAME ? BROKER_NAME : readSubject(file, row, first + 1, words, findings);
  const serviceClass = readClass(file, row, first + 2, words, findings);
  const permission = serviceClass === null ? null : readPermission(file, row, first + 3, serviceClass, words, findings);
  if (source === null || destination === null || serviceClass === null || permission === null) return null;
  const access = { source, destination, serviceClass, permission };
  const misuse = brokerMisuse(access);
  if (misuse === null) return access;
  findings.push({ ...placeOfField(file, row, first + 1), code: 'E-054', message: misuse });
  return null;
}

/** A row that no hook would ever ask for is a slip that must not look like a rule. */
function brokerMisuse({ destination, serviceClass, permission }: Access): string | null {
  const ofBroker = serviceClass.name === 'argo' && ASKED_OF_BROKER.includes(permission);
  if (destination === BROKER_NAME) {
    if (ofBroker || (serviceClass.name === 'argo' && permission === WILDCARD)) return null;
    return `"${BROKER_NAME}" is the destination only of argo enable and argo register_any_source, not of ${serviceClass.name} ${permission}`;
  }
  return ofBroker
    ? `argo ${permission} is asked of the broker: the destination is "${BROKER_NAME}", not "${destination}"`
    : null;
}

/** A declared domain or label. */
function readSubject(file: string, row: Row, position: number, words: Vocabulary, findings: Finding[]): string | null {
  const text = fieldText(row, position);
  const place = placeOfField(file, row, position);
  if (words.domains.has(text) || words.labels.has(text)) return text;
  if (text === WILDCARD) {
    findings.push({
      ...place,
      code: 'F-005',
      message: `"*" stands only for a permission; every domain is "${ANY_LABEL}"`,
    });
  } else if (text === BROKER_NAME) {
    findings.push({ ...place, code: 'E-016', message: `"${BROKER_NAME}" is the broker itself; here it cannot stand` });
  } else if (isLabel(text)) {
    const message = `label "${text}" is not declared in domains.yaml${didYouMean(text, words.labels)}`;
    findings.push({ ...place, code: 'E-011', message });
  } else if (isName(text)) {
    const forgotten = words.labels.has(`@${text}`)
      ? `, did you mean the label "@${text}"?`
      : didYouMean(text, words.domains);
    findings.push({ ...place, code: 'E-010', message: `domain "${text}" is not in domains.yaml${forgotten}` });
  } else {
    const hint = didYouMean(text.toLowerCase(), [...words.domains, ...words.labels]);
    findings.push({
      ...place,
      code: 'F-005',
      message: `"${text}" is neither a name (a-z, 0-9, "-") nor a label ("@" and a name)${hint}`,
    });
  }
  return null;
}

function readClass(
  file: string,
  row: Row,
  position: number,
  words: Vocabulary,
  findings: Finding[],
): ServiceClass | null {
  const text = fieldText(row, position);
  const found = words.classes.get(text);
  if (found !== undefined) return found;
  const place = placeOfField(file, row, position);
  if (text === WILDCARD)
    findings.push({ ...place, code: 'F-005', message: '"*" stands only for a permission; name the class' });
  else {
    const message = `class "${text}" is not in services.yaml${didYouMean(text, words.classes.keys())}`;
    findings.push({ ...place, code: isName(text) ? 'E-012' : 'F-005', message });
  }
  return null;
}

function readPermission(
  file: string,
  row: Row,
  position: number,
  serviceClass: ServiceClass,
  words: Vocabulary,
  findings: Finding[],
): string | null {
  const text = fieldText(row, position);
  if (text === WILDCARD || serviceClass.permissions.includes(text)) return text;
  const place = placeOfField(file, row, position);
  const hint = didYouMean(text, serviceClass.permissions);
  const has = `it has: ${serviceClass.permissions.join(', ')}`;
  if (!isPermissionName(text)) {
    findings.push({
      ...place,
      code: 'F-005',
      message: `"${text}" is not a permission name, and "*" only stands alone${hint}`,
    });
  } else if ([...words.classes.values()].some(({ permissions }) => permissions.includes(text))) {
    findings.push({
      ...place,
      code: 'E-014',
      message: `class "${serviceClass.name}" has no permission "${text}"${hint}; ${has}`,
    });
  } else {
    findings.push({
      ...place,
      code: 'E-013',
      message: `no class has a permission "${text}"${hint}; "${serviceClass.name}": ${has}`,
    });
  }
  return null;
}

function readMembership(row: Row, words: Vocabulary, findings: Finding[]): Membership | null {
  if (!expectFields(POLICY_FILE, row, G_SHAPE, findings)) return null;
  const member = readSubject(POLICY_FILE, row, 1, words, findings);
  const text = fieldText(row, 2);
  if (!text.startsWith('@')) {
    const message = `"${text}" is not a label; the row reads: g, member, @label`;
    findings.push({ ...placeOfField(POLICY_FILE, row, 2), code: 'F-005', message });
    return null;
  }
  const label = readSubject(POLICY_FILE, row, 2, words, findings);
  if (member === null || label === null) return null;
  if (member === ANY_LABEL || label === ANY_LABEL) {
    const message = `"${ANY_LABEL}" is every declared domain, no more and no less; it has no g row`;
    findings.push({ ...placeOfField(POLICY_FILE, row, member === ANY_LABEL ? 1 : 2), code: 'E-016', message });
    return null;
  }
  return { member, label, place: placeOfField(POLICY_FILE, row, 1) };
}
