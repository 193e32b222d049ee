/** The difference between two policies in what they allow, in sediff's shape: cells, not lines of text. */
import type { Domain } from '../contract/index.ts';
import type { AuditRow, Work } from '../read/index.ts';
import { type Analysed, destinationsOf, domainNamed, formatAccess, isAllowed } from './subject.ts';

/** One (source, destination, class) whose permissions differ. */
export interface AccessChange {
  readonly source: string;
  readonly destination: string;
  readonly className: string;
  readonly kept: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** One (source, destination, class) whose permissions are recorded in another way. */
export interface AuditChange extends AccessChange {
  readonly kind: AuditRow['kind'];
}

/** Cells by name: a domain or class that only one of the two has is denied everything in the other. */
export function* diffAccess(before: Analysed, after: Analysed): Work<AccessChange[]> {
  const changes: AccessChange[] = [];
  for (const cell of cellsOf(before, after)) {
    const change = changeOf(cell, allowedBetween(before, ...cell), allowedBetween(after, ...cell));
    if (change !== null) changes.push(change);
    yield;
  }
  return changes;
}

type CellNames = readonly [source: string, destination: string, className: string];

/** Every cell of either policy, by name. */
export function* cellsOf(before: Analysed, after: Analysed): Generator<CellNames, void> {
  const names = namesOf(before, after);
  const classes = classNamesOf(before, after);
  for (const source of names)
    for (const destination of names) for (const className of classes) yield [source, destination, className];
}

/** The classes of either policy. */
export function classNamesOf(before: Analysed, after: Analysed): readonly string[] {
  return [...new Set([...before.classes.all, ...after.classes.all].map(({ name }) => name))];
}

/** Null: the permissions are the same. */
export function changeOf(
  [source, destination, className]: CellNames,
  old: readonly string[],
  now: readonly string[],
): AccessChange | null {
  if (old.join() === now.join()) return null;
  return {
    source,
    destination,
    className,
    kept: now.filter((name) => old.includes(name)),
    added: now.filter((name) => !old.includes(name)),
    removed: old.filter((name) => !now.includes(name)),
  };
}

/** The domains of either policy, and the broker. */
export function namesOf(before: Analysed, after: Analysed): string[] {
  const all = (analysed: Analysed): readonly Domain[] => [...analysed.domains.all, analysed.domains.broker];
  return [...new Set([...all(after), ...all(before)].map(({ name }) => name))];
}

const NOTHING: readonly string[] = [];

/** Permissions of a class. A domain or class that the policy does not have is denied everything. */
export function allowedBetween(analysed: Analysed, from: string, to: string, className: string): readonly string[] {
  const [source, destination] = [domainNamed(analysed, from), domainNamed(analysed, to)];
  const serviceClass = analysed.classes.byName(className);
  if (source === undefined || destination === undefined || serviceClass === undefined) return NOTHING;
  if (source === analysed.domains.broker) return NOTHING;
  return serviceClass.permissions.filter(
    (_, position) =>
      isAllowed(analysed, { source, destination, serviceClass, position }) &&
      destinationsOf(analysed, serviceClass, position).includes(destination),
  );
}

/** Rows shown of each part; the counts are always complete. */
const MAX_SHOWN = 1_000;

export interface DiffFormat {
  /** The counts only. */
  readonly stats?: boolean;
  /** Shown below the access, if there are any. */
  readonly audit?: readonly AuditChange[];
}

/** sediff's text. */
export function formatDiff(changes: readonly AccessChange[], { stats = false, audit = [] }: DiffFormat = {}): string {
  const of = (wanted: AuditChange['kind']): AuditChange[] => audit.filter(({ kind }) => kind === wanted);
  return [
    formatPart('Allow', changes, stats),
    ...(['auditallow', 'dontaudit'] as const).flatMap((kind) => {
      const list = of(kind);
      return list.length === 0 ? [] : [formatPart(kind === 'dontaudit' ? 'Dontaudit' : 'Auditallow', list, stats)];
    }),
  ].join('\n');
}

function formatPart(name: string, changes: readonly (AccessChange | AuditChange)[], isShort: boolean): string {
  const added = changes.filter(({ kept, removed }) => kept.length === 0 && removed.length === 0);
  const removed = changes.filter(({ kept, added: more }) => kept.length === 0 && more.length === 0);
  const modified = changes.filter((change) => !added.includes(change) && !removed.includes(change));
  const head = `${name} Rules (${added.length} Added, ${removed.length} Removed, ${modified.length} Modified)`;
  if (isShort || changes.length === 0) return head;
  const part = (title: string, list: readonly (AccessChange | AuditChange)[], mark: string): string[] => {
    if (list.length === 0) return [];
    const lines = list.slice(0, MAX_SHOWN).map((change) => `      ${mark} ${formatChange(change)}`);
    const rest = list.length > MAX_SHOWN ? [`      … showing ${MAX_SHOWN} of ${list.length}`] : [];
    return [`   ${title} ${name} Rules: ${list.length}`, ...lines, ...rest];
  };
  return [
    head,
    ...part('Added', added, '+'),
    ...part('Removed', removed, '-'),
    ...part('Modified', modified, '*'),
  ].join('\n');
}

export function formatChange(change: AccessChange | AuditChange): string {
  const { source, destination, className, kept, added, removed } = change;
  const isWhole = kept.length === 0 && (added.length === 0 || removed.length === 0);
  const permissions = isWhole
    ? [...added, ...removed]
    : [...kept, ...added.map((name) => `+${name}`), ...removed.map((name) => `-${name}`)];
  return formatAccess('kind' in change ? change.kind : 'allow', source, destination, className, permissions);
}
