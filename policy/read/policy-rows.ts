/** policy.csv: `p` and `g` rows, each either understood completely or a finding. */

import { ANY_LABEL } from '../contract/index.ts';
import { type Access, type Effect, readAccess, readEffect, readSubject, type Vocabulary } from './access.ts';
import { expectFields, fieldText, placeOfField, type Row, splitRows } from './csv.ts';
import type { Finding, Place } from './finding.ts';
import type { Membership } from './inventory.ts';
import type { Pace } from './pace.ts';
import { didYouMean } from './suggest.ts';

export const POLICY_FILE = 'policy.csv';

/** One understood `p` row. */
export interface PolicyRow extends Access {
  readonly place: Place;
  readonly effect: Effect;
}

export interface PolicyRows {
  readonly rows: readonly PolicyRow[];
  readonly memberships: readonly Membership[];
}

const P_SHAPE = 'p, source, destination, class, permission, allow|deny';
const G_SHAPE = 'g, domain or @label, @label';

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
