/** The difference between two policies in what they record, in the shape of `diffAccess`: cells, not lines of text. */
import { auditRowFor } from '../decide/index.ts';
import type { AuditRow, Work } from '../read/index.ts';
import { type AuditChange, cellsOf, changeOf } from './access-diff.ts';
import { type Analysed, destinationsOf, domainNamed } from './subject.ts';

const KINDS = ['auditallow', 'dontaudit'] as const;

/** What rows of policy.csv say; the levels of services.yaml are not in it. */
export function* diffAudit(before: Analysed, after: Analysed): Work<AuditChange[]> {
  const changes: AuditChange[] = [];
  if (rowsOf(before).length + rowsOf(after).length === 0) return changes;
  for (const [source, destination, className] of cellsOf(before, after)) {
    for (const kind of KINDS) {
      const [old, now] = [before, after].map((policy) => covered(policy, kind, source, destination, className));
      const change = changeOf([source, destination, className], old ?? [], now ?? []);
      if (change !== null) changes.push({ kind, ...change });
    }
    yield;
  }
  return changes;
}

/** True when a decision may be recorded less after the change than before it. Rows alone count, not labels. */
export function recordsLess(before: Analysed, after: Analysed): boolean {
  return hasMore('dontaudit', after, before) || hasMore('auditallow', before, after);
}

function hasMore(kind: AuditRow['kind'], more: Analysed, less: Analysed): boolean {
  const known = new Set(rowsOf(less).map(textOf));
  return rowsOf(more).some((row) => row.kind === kind && !known.has(textOf(row)));
}

function rowsOf({ examined }: Analysed): readonly AuditRow[] {
  return examined.book.audit.rows;
}

function textOf({ kind, source, destination, serviceClass, permission }: AuditRow): string {
  return [kind, source, destination, serviceClass.name, permission].join();
}

function covered(policy: Analysed, kind: AuditRow['kind'], from: string, to: string, className: string): string[] {
  const [source, destination] = [domainNamed(policy, from), domainNamed(policy, to)];
  const serviceClass = policy.classes.byName(className);
  if (source === undefined || destination === undefined || serviceClass === undefined) return [];
  const rows = policy.examined.book.audit.covering(source, destination, serviceClass);
  return serviceClass.permissions.filter(
    (permission, position) =>
      auditRowFor(rows, kind, permission) !== null &&
      destinationsOf(policy, serviceClass, position).includes(destination),
  );
}
