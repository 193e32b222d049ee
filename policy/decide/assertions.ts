/**
 * assertions.csv: what a policy must and must not say, read from the file.
 *
 * Assertions have another owner than the policy (SELinux's neverallow): an admin who edits rows cannot change them, and
 * run-time grants are bound by them as well. Only the owner of assertions.csv can write an exception.
 */

import { type ServiceClass, WILDCARD } from '../contract/index.ts';
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

const KINDS = ['neverallow', 'must-allow'] as const;
type Kind = (typeof KINDS)[number];

/** Requests from `source` to `destination`, in this direction, are not looked at. */
export interface Exception {
  readonly source: string;
  readonly destination: string;
  readonly place: Place;
}

export interface Assertion extends Access {
  readonly place: Place;
  readonly kind: Kind;
  /** One, or all of them for `*` (neverallow only). */
  readonly classes: readonly ServiceClass[];
  /** neverallow only. */
  readonly exceptions: readonly Exception[];
}

export function* readAssertions(bytes: Uint8Array, words: Vocabulary, findings: Finding[]): Work<Assertion[]> {
  const assertions: Assertion[] = [];
  for (const row of yield* splitRows(ASSERTIONS_FILE, bytes, findings)) {
    const read = readAssertion(row, words, findings);
    if (read !== null) assertions.push(read);
    yield;
  }
  return assertions;
}

function readAssertion(row: Row, words: Vocabulary, findings: Finding[]): Assertion | null {
  const reader = new RowReader(ASSERTIONS_FILE, row, words, findings);
  const text = reader.text(0);
  const kind = KINDS.find((known) => known === text);
  if (kind === undefined) {
    const hint = didYouMean(text.toLowerCase(), KINDS);
    return reader.refuse(0, 'F-002', `an assertion starts with ${KINDS.join(' or ')}, not with "${text}"${hint}`);
  }
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
