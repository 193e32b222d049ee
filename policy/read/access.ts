/** The words of a row: who, to whom, which class, which permission, allow or deny; each known, or a finding with a suggestion. */

import {
  ANY_LABEL,
  BROKER_NAME,
  isLabel,
  isName,
  isPermissionName,
  type ServiceClass,
  WILDCARD,
} from '../contract/index.ts';
import { fieldText, placeOfField, type Row } from './csv.ts';
import type { Finding } from './finding.ts';
import type { Inventory } from './inventory.ts';
import { didYouMean } from './suggest.ts';

export type Effect = 'allow' | 'deny';

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

/** Permissions whose destination is the broker itself, as xen_t is in Flask. */
const ASKED_OF_BROKER: readonly string[] = ['enable', 'register_any_source'];

export function readEffect(file: string, row: Row, position: number, findings: Finding[]): Effect | null {
  const text = fieldText(row, position);
  if (text === 'allow' || text === 'deny') return text;
  const message = `effect "${text}"; expected exactly "allow" or "deny"${didYouMean(text.toLowerCase(), ['allow', 'deny'])}`;
  findings.push({ ...placeOfField(file, row, position), code: 'E-015', message });
  return null;
}

export interface Access {
  /** A domain or a label. */
  readonly source: string;
  /** A domain, a label, or `broker`. */
  readonly destination: string;
  readonly serviceClass: ServiceClass;
  /** A permission of the class, or `*`. */
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
export function readSubject(
  file: string,
  row: Row,
  position: number,
  words: Vocabulary,
  findings: Finding[],
): string | null {
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
