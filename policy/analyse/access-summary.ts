/**
 * What a change of policy allows and forbids, short enough for its record in the audit log. Pure.
 *
 * The counts are those of `diffAccess`. All domains of a kind may do the same, so one domain stands for its kind, and its
 * changes count for each pair of them: the work grows with the kinds and not with the domains.
 */
import type { Domain } from '../contract/index.ts';
import type { Work } from '../read/index.ts';
import { type AccessChange, allowedBetween, changeOf, classNamesOf, formatChange, namesOf } from './access-diff.ts';
import { type Analysed, domainNamed } from './subject.ts';

/** Cells (source, destination, class) that differ, and the first of them. */
export interface AccessSummary {
  readonly added: number;
  readonly removed: number;
  readonly modified: number;
  /** `+ allow mail-vm db-vm:data { send };`, at most MAX_EXAMPLES. */
  readonly examples: readonly string[];
}

/** Enough to recognise the change; `argus policy show` and `argus policy diff` have all of it. */
const MAX_EXAMPLES = 4;
/** Comparing a cell takes about a microsecond: half a second of work, during which messages flow. */
const MAX_COMPARED = 500_000;

/** Domains that had the same kind before the change, and have the same kind after it. */
interface Kin {
  readonly names: string[];
  readonly isChanged: boolean;
}

/**
 * Null: there are too many kinds to compare.
 *
 * @param changed domains whose labels differ, when nothing else does; null = anything may differ
 */
export function* summarizeAccess(
  before: Analysed,
  after: Analysed,
  changed: readonly Domain[] | null = null,
): Work<AccessSummary | null> {
  const kin = kinOf(before, after, changed);
  const classes = classNamesOf(before, after);
  const unchanged = kin.filter(({ isChanged }) => !isChanged).length;
  if ((kin.length ** 2 - unchanged ** 2) * classes.length > MAX_COMPARED) return null;
  const tally = new Tally();
  for (const source of kin) {
    for (const destination of kin) {
      if (!source.isChanged && !destination.isChanged) continue;
      for (const className of classes) {
        const cell = [source.names[0] ?? '', destination.names[0] ?? '', className] as const;
        const change = changeOf(cell, allowedBetween(before, ...cell), allowedBetween(after, ...cell));
        if (change !== null) tally.add(change, source.names, destination.names);
      }
      yield;
    }
  }
  return tally;
}

class Tally implements AccessSummary {
  added = 0;
  removed = 0;
  modified = 0;
  readonly examples: string[] = [];

  add(change: AccessChange, sources: readonly string[], destinations: readonly string[]): void {
    const kind = kindOf(change);
    this[kind] += sources.length * destinations.length;
    for (const source of sources) {
      for (const destination of destinations) {
        if (this.examples.length === MAX_EXAMPLES) return;
        this.examples.push(`${MARKS[kind]} ${formatChange({ ...change, source, destination })}`);
      }
    }
  }
}

const MARKS = { added: '+', removed: '-', modified: '*' } as const;

function kindOf({ kept, added, removed }: AccessChange): keyof typeof MARKS {
  if (kept.length > 0 || (added.length > 0 && removed.length > 0)) return 'modified';
  return added.length > 0 ? 'added' : 'removed';
}

function kinOf(before: Analysed, after: Analysed, changed: readonly Domain[] | null): readonly Kin[] {
  const names = changed === null ? null : new Set(changed.map(({ name }) => name));
  const kin = new Map<string, Kin>();
  for (const name of namesOf(before, after)) {
    const isChanged = names?.has(name) ?? true;
    const key = [placeOf(before, name), placeOf(after, name), isChanged].join();
    const known = kin.get(key);
    if (known === undefined) kin.set(key, { names: [name], isChanged });
    else known.names.push(name);
  }
  return [...kin.values()];
}

/** The broker is apart: some permissions are asked of it alone. */
function placeOf(analysed: Analysed, name: string): string {
  const domain = domainNamed(analysed, name);
  if (domain === undefined) return 'none';
  return domain === analysed.domains.broker ? 'broker' : String(analysed.examined.placement.kind(domain));
}
