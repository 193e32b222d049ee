/**
 * assertions.csv: what a policy must and must not say, read from the file.
 *
 * Assertions have another owner than the policy (SELinux's neverallow): an admin who edits rows cannot change them, and
 * run-time grants are bound by them as well. Only the owner of assertions.csv can write an exception.
 */

import { ANY_LABEL, type ServiceClass, WILDCARD } from '../contract/index.ts';
import {
  type Access,
  didYouMean,
  type Finding,
  type Place,
  type Row,
  RowReader,
  splitRows,
  type Vocabulary,
  type Work,
} from '../read/index.ts';

export const ASSERTIONS_FILE = 'assertions.csv';

const ACCESS_KINDS = ['neverallow', 'must-allow'] as const;
const KINDS = [...ACCESS_KINDS, 'neverflow', 'separate', 'max-fan'] as const;

/** Requests from `source` to `destination`, in this direction, are not checked. */
export interface Exception {
  readonly source: string;
  readonly destination: string;
  readonly place: Place;
}

export interface Assertion extends Access {
  readonly place: Place;
  readonly kind: (typeof ACCESS_KINDS)[number];
  /** One, or all of them for `*` (neverallow only). */
  readonly classes: readonly ServiceClass[];
  /** neverallow only. */
  readonly exceptions: readonly Exception[];
}

/** Information must not get from source to destination, whatever relays it, except through the named ones. */
export interface FlowAssertion {
  readonly kind: 'neverflow';
  readonly place: Place;
  readonly source: string;
  readonly destination: string;
  readonly via: readonly string[];
}

/** No domain has both labels. */
export interface SeparateAssertion {
  readonly kind: 'separate';
  readonly place: Place;
  readonly first: string;
  readonly second: string;
}

/** Information from (out) or to (in) each domain of the subject goes to at most so many others in one step. */
export interface FanAssertion {
  readonly kind: 'max-fan';
  readonly place: Place;
  readonly subject: string;
  readonly direction: 'in' | 'out';
  readonly limit: number;
}

export type StructuralAssertion = FlowAssertion | SeparateAssertion | FanAssertion;

export interface Assertions {
  readonly access: readonly Assertion[];
  readonly structural: readonly StructuralAssertion[];
}

export function* readAssertions(bytes: Uint8Array, words: Vocabulary, findings: Finding[]): Work<Assertions> {
  const access: Assertion[] = [];
  const structural: StructuralAssertion[] = [];
  for (const row of yield* splitRows(ASSERTIONS_FILE, bytes, findings)) {
    const read = readAssertion(row, words, findings);
    if (read !== null) {
      if ('exceptions' in read) access.push(read);
      else structural.push(read);
    }
    yield;
  }
  return { access, structural };
}

function readAssertion(row: Row, words: Vocabulary, findings: Finding[]): Assertion | StructuralAssertion | null {
  const reader = new RowReader(ASSERTIONS_FILE, row, words, findings);
  const text = reader.text(0);
  const kind = KINDS.find((known) => known === text);
  if (kind === undefined) {
    const hint = didYouMean(text.toLowerCase(), KINDS);
    return reader.refuse(0, 'F-002', `an assertion starts with ${KINDS.join(' or ')}, not with "${text}"${hint}`);
  }
  if (kind === 'neverflow') return readFlow(reader);
  if (kind === 'separate') return readSeparate(reader);
  if (kind === 'max-fan') return readFan(reader);
  const hasExceptions = kind === 'neverallow' && /^except\b/.test(reader.text(5));
  if (!reader.hasShape(`${kind}, source, destination, class, permission`, hasExceptions)) return null;
  const exceptions = hasExceptions ? readExceptions(reader) : [];
  // "Nothing at all from here to there": the only place where `*` can stand for the class, because it can only forbid.
  const isEverything = kind === 'neverallow' && reader.text(3) === WILDCARD && reader.text(4) === WILDCARD;
  const access = isEverything ? readEverything(row, words, findings) : reader.access(1);
  if (access === null || exceptions === null) return null;
  const classes = isEverything ? [...words.classes.values()] : [access.serviceClass];
  return { place: reader.place, kind, ...access, classes, exceptions };
}

function readFlow(reader: RowReader): FlowAssertion | null {
  const text = reader.text(3);
  if (!reader.hasShape(`neverflow, source, destination${reader.length === 4 ? ', via RELAY …' : ''}`)) return null;
  const [source, destination] = [reader.subject(1), reader.subject(2)];
  const [word, ...relays] = text.split(' ');
  if (reader.length === 4 && (word !== 'via' || relays.length === 0))
    return reader.refuse(3, 'F-001', `"${text}"; relays are named like this: via RELAY RELAY`);
  const via = reader.subjects(3, relays.join(' '));
  if (source === null || destination === null || via === null) return null;
  return { kind: 'neverflow', place: reader.place, source, destination, via };
}

function readSeparate(reader: RowReader): SeparateAssertion | null {
  if (!reader.hasShape('separate, @label, @label')) return null;
  const [first, second] = [reader.subject(1), reader.subject(2)];
  for (const position of [1, 2]) {
    const text = reader.text(position);
    if (!text.startsWith('@') || text === ANY_LABEL)
      return reader.refuse(position, 'F-005', `"${text}" is not a label that some domains have and others do not`);
  }
  if (first === null || second === null) return null;
  return { kind: 'separate', place: reader.place, first, second };
}

function readFan(reader: RowReader): FanAssertion | null {
  if (!reader.hasShape('max-fan, domain or @label, in|out, number')) return null;
  const subject = reader.subject(1);
  const direction = reader.text(2);
  if (direction !== 'in' && direction !== 'out') return reader.refuse(2, 'F-005', `"${direction}"; expected in or out`);
  if (!/^\d{1,4}$/.test(reader.text(3)))
    return reader.refuse(3, 'F-005', `"${reader.text(3)}" is not a number of domains`);
  if (subject === null) return null;
  return { kind: 'max-fan', place: reader.place, subject, direction, limit: Number(reader.text(3)) };
}

function readEverything(row: Row, words: Vocabulary, findings: Finding[]): Access | null {
  const fields = [...row.fields];
  fields[3] = { text: 'argo', column: row.fields[3]?.column ?? 0 };
  return new RowReader(ASSERTIONS_FILE, { line: row.line, fields }, words, findings).access(1);
}

/** `except SOURCE DESTINATION`, one exception a field; null after a finding. */
function readExceptions(reader: RowReader): Exception[] | null {
  const exceptions: Exception[] = [];
  for (let position = 5; position < reader.length; position++) {
    const text = reader.text(position);
    const [word, ...rest] = text.split(' ').filter((part) => part !== '');
    if (word !== 'except' || rest.length !== 2) {
      return reader.refuse(position, 'F-001', `"${text}"; an exception reads: except SOURCE DESTINATION`);
    }
    const [source, destination] = reader.subjects(position, rest.join(' ')) ?? [];
    if (source === undefined || destination === undefined) return null;
    exceptions.push({ source, destination, place: reader.placeOf(position) });
  }
  return exceptions;
}
