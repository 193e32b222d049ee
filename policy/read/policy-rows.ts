/** policy.csv: rules, memberships and audit rows, each either understood completely or a finding. */

import { didYouMean } from '../../broker/base/index.ts';
import { ANY_LABEL } from '../contract/index.ts';
import { splitRows } from './csv.ts';
import type { Finding, Place } from './finding.ts';
import type { Membership } from './inventory.ts';
import type { Work } from './pace.ts';
import { RowReader } from './row-reader.ts';
import type { Access, Effect, Vocabulary } from './vocabulary.ts';

export const POLICY_FILE = 'policy.csv';

/** One understood `p` row. */
export interface PolicyRow extends Access {
  readonly place: Place;
  readonly effect: Effect;
}

const AUDIT_KINDS = ['dontaudit', 'auditallow'] as const;

/**
 * A row that says how a decision is recorded. It decides nothing.
 *
 * - `dontaudit`: denials are counted, and have no records of their own.
 * - `auditallow`: each allowed use has a record of its own.
 */
export interface AuditRow extends Access {
  readonly place: Place;
  readonly kind: (typeof AUDIT_KINDS)[number];
}

export interface PolicyRows {
  readonly rows: readonly PolicyRow[];
  readonly memberships: readonly Membership[];
  readonly audit: readonly AuditRow[];
}

const P_SHAPE = 'p, source, destination, class, permission, allow|deny';
const G_SHAPE = 'g, domain or @label, @label';

export function* readPolicyRows(bytes: Uint8Array, words: Vocabulary, findings: Finding[]): Work<PolicyRows> {
  const rows: PolicyRow[] = [];
  const memberships: Membership[] = [];
  const audit: AuditRow[] = [];
  const before = findings.length;
  for (const row of yield* splitRows(POLICY_FILE, bytes, findings)) {
    const reader = new RowReader(POLICY_FILE, row, words, findings);
    const type = reader.text(0);
    if (type === 'p') {
      const read = readRule(reader);
      if (read !== null) rows.push(read);
    } else if (type === 'g') {
      const read = readMembership(reader);
      if (read !== null) memberships.push(read);
    } else if (isAuditKind(type)) {
      const read = readAuditRow(reader, type);
      if (read !== null) audit.push(read);
    } else {
      const hint = didYouMean(type.toLowerCase(), ['p', 'g', 'policy', ...AUDIT_KINDS]);
      reader.refuse(0, 'F-002', `a row starts with "p", "g", "dontaudit" or "auditallow", not with "${type}"${hint}`);
    }
    yield;
  }
  if (rows.length === 0 && findings.length === before) {
    const message = 'no "p" row: the policy would allow nothing at all';
    findings.push({ file: POLICY_FILE, line: 0, column: 0, code: 'F-007', message });
  }
  return { rows, memberships, audit };
}

function readRule(reader: RowReader): PolicyRow | null {
  if (!reader.hasShape(P_SHAPE)) return null;
  const access = reader.access(1);
  const effect = reader.effect(5);
  return access === null || effect === null ? null : { place: reader.place, ...access, effect };
}

function isAuditKind(text: string): text is AuditRow['kind'] {
  return AUDIT_KINDS.some((kind) => kind === text);
}

function readAuditRow(reader: RowReader, kind: AuditRow['kind']): AuditRow | null {
  if (!reader.hasShape(`${kind}, source, destination, class, permission`)) return null;
  const access = reader.access(1);
  return access === null ? null : { place: reader.place, kind, ...access };
}

function readMembership(reader: RowReader): Membership | null {
  if (!reader.hasShape(G_SHAPE)) return null;
  const member = reader.subject(1);
  const text = reader.text(2);
  if (!text.startsWith('@')) {
    return reader.refuse(2, 'F-005', `"${text}" is not a label; the row reads: g, member, @label`);
  }
  const label = reader.subject(2);
  if (member === null || label === null) return null;
  if (member === ANY_LABEL || label === ANY_LABEL) {
    const message = `"${ANY_LABEL}" always means every declared domain; a g row cannot change it`;
    return reader.refuse(member === ANY_LABEL ? 1 : 2, 'E-016', message);
  }
  return { member, label, place: reader.placeOf(1) };
}
