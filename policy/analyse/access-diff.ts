/** The difference between two policies in what they allow, in sediff's shape: cells, not lines of text. */
import type { Domain } from '../contract/index.ts';
import type { Work } from '../read/index.ts';
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

/** Cells by name: a domain or class that only one of the two has is denied everything in the other. */
export function* diffAccess(before: Analysed, after: Analysed): Work<AccessChange[]> {
  const changes: AccessChange[] = [];
  const names = namesOf(before, after);
  const classes = new Set([...before.classes.all, ...after.classes.all].map(({ name }) => name));
  for (const source of names) {
    for (const destination of names) {
      for (const className of classes) {
        const old = allowedBetween(before, source, destination, className);
        const now = allowedBetween(after, source, destination, className);
        if (old.join() === now.join()) continue;
        changes.push({
          source,
          destination,
          className,
          kept: now.filter((name) => old.includes(name)),
          added: now.filter((name) => !old.includes(name)),
          removed: old.filter((name) => !now.includes(name)),
        });
      }
      yield;
    }
  }
  return changes;
}

function namesOf(before: Analysed, after: Analysed): string[] {
  const all = (analysed: Analysed): readonly Domain[] => [...analysed.domains.all, analysed.domains.broker];
  return [...new Set([...all(after), ...all(before)].map(({ name }) => name))];
}

const NOTHING: readonly string[] = [];

function allowedBetween(analysed: Analysed, from: string, to: string, className: string): readonly string[] {
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

/** sediff's text; empty when nothing differs. */
export function formatDiff(changes: readonly AccessChange[], options: { readonly stats?: boolean } = {}): string {
  const added = changes.filter(({ kept, removed }) => kept.length === 0 && removed.length === 0);
  const removed = changes.filter(({ kept, added: more }) => kept.length === 0 && more.length === 0);
  const modified = changes.filter((change) => !added.includes(change) && !removed.includes(change));
  if (changes.length === 0) return 'Allow Rules (0 Added, 0 Removed, 0 Modified)';
  const head = `Allow Rules (${added.length} Added, ${removed.length} Removed, ${modified.length} Modified)`;
  if (options.stats === true) return head;
  const part = (title: string, list: readonly AccessChange[], mark: string): string[] => {
    if (list.length === 0) return [];
    const lines = list.slice(0, MAX_SHOWN).map((change) => `      ${mark} ${formatChange(change)}`);
    const rest = list.length > MAX_SHOWN ? [`      … showing ${MAX_SHOWN} of ${list.length}`] : [];
    return [`   ${title} Allow Rules: ${list.length}`, ...lines, ...rest];
  };
  return [
    head,
    ...part('Added', added, '+'),
    ...part('Removed', removed, '-'),
    ...part('Modified', modified, '*'),
  ].join('\n');
}

export function formatChange({ source, destination, className, kept, added, removed }: AccessChange): string {
  const isWhole = kept.length === 0 && (added.length === 0 || removed.length === 0);
  const permissions = isWhole
    ? [...added, ...removed]
    : [...kept, ...added.map((name) => `+${name}`), ...removed.map((name) => `-${name}`)];
  return formatAccess('allow', source, destination, className, permissions);
}
