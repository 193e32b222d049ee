/** Reads the words of one CSV row. Each word is either known, or becomes a finding with a suggestion. */

import { didYouMean } from '../../broker/base/index.ts';
import {
  ANY_LABEL,
  BROKER_NAME,
  isLabel,
  isName,
  isPermissionName,
  type ServiceClass,
  WILDCARD,
} from '../contract/index.ts';
import type { Row } from './csv.ts';
import type { Finding, FindingCode, Place } from './finding.ts';
import { type Access, type Effect, isAskedOfBroker, type Vocabulary } from './vocabulary.ts';

export class RowReader {
  readonly #file: string;
  readonly #row: Row;
  readonly #words: Vocabulary;
  readonly #findings: Finding[];

  constructor(file: string, row: Row, words: Vocabulary, findings: Finding[]) {
    this.#file = file;
    this.#row = row;
    this.#words = words;
    this.#findings = findings;
  }

  /** The row as a whole. */
  get place(): Place {
    return { file: this.#file, line: this.#row.line, column: 1 };
  }

  get length(): number {
    return this.#row.fields.length;
  }

  /** Text of the n-th field; empty when there is none. */
  text(position: number): string {
    return this.#row.fields[position]?.text ?? '';
  }

  placeOf(position: number): Place {
    return { file: this.#file, line: this.#row.line, column: this.#row.fields[position]?.column ?? 0 };
  }

  /** Notes a finding at the n-th field. Returns null, so that a reader can refuse and leave in one statement. */
  refuse(position: number, code: FindingCode, message: string): null {
    this.#findings.push({ ...this.placeOf(position), code, message });
    return null;
  }

  /** True when the row has as many fields as the shape names, none of them empty. `least` allows more at the end. */
  hasShape(shape: string, least = false): boolean {
    const wanted = shape.split(',').length;
    const { fields } = this.#row;
    const empty = fields.findIndex((field) => field.text === '');
    const fits = least ? fields.length >= wanted : fields.length === wanted;
    if (fits && empty === -1) return true;
    const got = empty === -1 ? `${fields.length} fields` : 'an empty field';
    const position = empty === -1 ? Math.min(wanted, fields.length - 1) : empty;
    this.refuse(position, 'F-001', `${got}; expected ${wanted}: ${shape}`);
    return false;
  }

  effect(position: number): Effect | null {
    const text = this.text(position);
    if (text === 'allow' || text === 'deny') return text;
    const hint = didYouMean(text.toLowerCase(), ['allow', 'deny']);
    return this.refuse(position, 'E-015', `effect "${text}"; expected exactly "allow" or "deny"${hint}`);
  }

  /** The four fields source, destination, class, permission, starting at `first`; null after a finding. */
  access(first: number): Access | null {
    const source = this.subject(first);
    const destination = this.destination(first + 1);
    const serviceClass = this.serviceClass(first + 2);
    const permission = serviceClass === null ? null : this.permission(first + 3, serviceClass);
    if (source === null || destination === null || serviceClass === null || permission === null) return null;
    const access = { source, destination, serviceClass, permission };
    const misuse = brokerMisuse(access);
    return misuse === null ? access : this.refuse(first + 1, 'E-054', misuse);
  }

  /** A declared domain or label, or `broker`. */
  destination(position: number): string | null {
    return this.text(position) === BROKER_NAME ? BROKER_NAME : this.subject(position);
  }

  /** A declared domain or label. */
  subject(position: number): string | null {
    const text = this.text(position);
    return this.#isSubject(text) ? text : this.refuse(position, ...this.#faultOfSubject(text));
  }

  /** Several subjects in one field, separated by spaces; null after a finding. */
  subjects(position: number, text: string): string[] | null {
    const words = text.split(' ').filter((word) => word !== '');
    for (const word of words) {
      if (!this.#isSubject(word)) return this.refuse(position, ...this.#faultOfSubject(word));
    }
    return words;
  }

  serviceClass(position: number): ServiceClass | null {
    const text = this.text(position);
    const found = this.#words.classes.get(text);
    if (found !== undefined) return found;
    if (text === WILDCARD) return this.refuse(position, 'F-005', '"*" stands only for a permission; name the class');
    const hint = didYouMean(text, this.#words.classes.keys());
    return this.refuse(position, isName(text) ? 'E-012' : 'F-005', `class "${text}" is not in services.yaml${hint}`);
  }

  permission(position: number, { name, permissions }: ServiceClass): string | null {
    const text = this.text(position);
    if (text === WILDCARD || permissions.includes(text)) return text;
    const hint = didYouMean(text, permissions);
    const has = `it has: ${permissions.join(', ')}`;
    if (!isPermissionName(text)) {
      return this.refuse(position, 'F-005', `"${text}" is not a permission name, and "*" only stands alone${hint}`);
    }
    if ([...this.#words.classes.values()].some((other) => other.permissions.includes(text))) {
      return this.refuse(position, 'E-014', `class "${name}" has no permission "${text}"${hint}; ${has}`);
    }
    return this.refuse(position, 'E-013', `no class has a permission "${text}"${hint}; "${name}": ${has}`);
  }

  #isSubject(text: string): boolean {
    return this.#words.domains.has(text) || this.#words.labels.has(text);
  }

  #faultOfSubject(text: string): [FindingCode, string] {
    const { domains, labels } = this.#words;
    if (text === WILDCARD) return ['F-005', `"*" stands only for a permission; every domain is "${ANY_LABEL}"`];
    if (text === BROKER_NAME) return ['E-016', `"${BROKER_NAME}" is the broker itself; it cannot be used here`];
    if (isLabel(text)) return ['E-011', `label "${text}" is not declared in domains.yaml${didYouMean(text, labels)}`];
    if (isName(text)) {
      const forgotten = labels.has(`@${text}`) ? `, did you mean the label "@${text}"?` : didYouMean(text, domains);
      return ['E-010', `domain "${text}" is not in domains.yaml${forgotten}`];
    }
    const hint = didYouMean(text.toLowerCase(), [...domains, ...labels]);
    return ['F-005', `"${text}" is neither a name (a-z, 0-9, "-") nor a label ("@" and a name)${hint}`];
  }
}

/** A row that no hook ever asks for is a slip; it must not look like a rule. */
function brokerMisuse({ destination, serviceClass, permission }: Access): string | null {
  const ofBroker = isAskedOfBroker(serviceClass, permission);
  if (destination === BROKER_NAME) {
    if (ofBroker || (serviceClass.index === 0 && permission === WILDCARD)) return null;
    return `"${BROKER_NAME}" is the destination only of argo enable and argo register_any_source, not of ${serviceClass.name} ${permission}`;
  }
  return ofBroker
    ? `argo ${permission} is asked of the broker: the destination is "${BROKER_NAME}", not "${destination}"`
    : null;
}
