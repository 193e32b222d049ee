/** Searches rows as sesearch does: by the names in a row, or by the domains that a row applies to. */
import type { Domain } from '../contract/index.ts';
import { bitsMeet, kindsOf, type Rule } from '../decide/index.ts';
import { type Access, type AuditRow, type Effect, permissionsMeet } from '../read/index.ts';
import { type Analysed, domainNamed, formatAccess } from './subject.ts';

export interface SearchTerms {
  /** Of `p` rows. */
  readonly effect?: Effect;
  /** Of audit rows. */
  readonly kind?: AuditRow['kind'];
  readonly source?: string;
  readonly destination?: string;
  readonly className?: string;
  readonly permission?: string;
  /** The row names the source itself; a label that the source has does not count (sesearch -ds). */
  readonly directSource?: boolean;
  readonly directDestination?: boolean;
}

export function searchRows(analysed: Analysed, terms: SearchTerms): Rule[] {
  return analysed.examined.book.index.rules.filter(({ row }) => {
    return (terms.effect === undefined || row.effect === terms.effect) && isMeant(analysed, row, terms);
  });
}

export function searchAuditRows(analysed: Analysed, terms: SearchTerms): AuditRow[] {
  return analysed.examined.book.audit.rows.filter(
    (row) => (terms.kind === undefined || row.kind === terms.kind) && isMeant(analysed, row, terms),
  );
}

function isMeant(analysed: Analysed, row: Access, terms: SearchTerms): boolean {
  if (terms.className !== undefined && row.serviceClass.name !== terms.className) return false;
  if (terms.permission !== undefined && !permissionsMeet(row.permission, terms.permission)) return false;
  if (!applies(analysed, row.source, terms.source, terms.directSource)) return false;
  return applies(analysed, row.destination, terms.destination, terms.directDestination);
}

function applies(analysed: Analysed, named: string, wanted: string | undefined, isDirect = false): boolean {
  if (wanted === undefined || named === wanted) return true;
  if (isDirect) return false;
  return (
    bitsMeet(kindsOf(named, analysed.examined), kindsOf(wanted, analysed.examined)) && !differ(analysed, named, wanted)
  );
}

/** Two domains of one kind are still two domains. */
function differ(analysed: Analysed, a: string, b: string): boolean {
  const [one, other]: (Domain | undefined)[] = [domainNamed(analysed, a), domainNamed(analysed, b)];
  return one !== undefined && other !== undefined && one !== other;
}

export function formatRule({ row }: Rule): string {
  const { source, destination, serviceClass, permission, effect, place } = row;
  return `${formatAccess(effect, source, destination, serviceClass.name, [permission])}  # ${place.file}:${place.line}`;
}

export function formatAuditRow({ kind, source, destination, serviceClass, permission, place }: AuditRow): string {
  return `${formatAccess(kind, source, destination, serviceClass.name, [permission])}  # ${place.file}:${place.line}`;
}
