/**
 * W-023: an allow row and a deny row that cross.
 *
 * A deny row that is narrower on one side is an exception, and reads as one: "@app to @net, but not mail-vm". Two rows of
 * which neither side of the denial lies within the allow row look like two independent rules. Some domains are in both, and
 * for those the denial counts.
 */
import { type Bits, isEmptyBits, keepBits, membersOf, type Rule, removeBits } from '../../decide/index.ts';
import type { PolicyBuild } from '../../load/index.ts';
import type { RowCells } from '../row-cells.ts';

interface DenyRow extends Sides {
  readonly rule: Rule;
}

/** By index of the class. */
export type DenyRows = ReadonlyMap<number, readonly DenyRow[]>;

export function deniesByClass({ examined }: PolicyBuild, cells: RowCells): DenyRows {
  const denies = new Map<number, DenyRow[]>();
  for (const rule of examined.book.index.rules) {
    if (rule.row.effect !== 'deny' || cells.isOpen(rule)) continue;
    const { index } = rule.row.serviceClass;
    const rows = denies.get(index) ?? [];
    denies.set(index, rows);
    rows.push({ rule, sources: cells.sources(rule), destinations: cells.destinations(rule) });
  }
  return denies;
}

/** The message, with an example; null: no deny row crosses this row. */
export function conflictOf(policy: PolicyBuild, cells: RowCells, denies: DenyRows, rule: Rule): string | null {
  const { row } = rule;
  const rows = row.effect === 'allow' ? (denies.get(row.serviceClass.index) ?? []) : [];
  if (rows.length === 0) return null;
  const [sources, destinations, slots] = [cells.sources(rule), cells.destinations(rule), cells.slots(rule)];
  for (const deny of rows) {
    const slot = cells.slots(deny.rule).find((each) => slots.includes(each));
    if (slot === undefined || !crosses({ sources, destinations }, deny)) continue;
    const [from, to] = [exampleOf(policy, sources, deny.sources), exampleOf(policy, destinations, deny.destinations)];
    const permission = row.serviceClass.permissions[slot];
    return `line ${deny.rule.row.place.line} takes back a part: ${from} ${to}:${row.serviceClass.name} { ${permission} } is denied`;
  }
  return null;
}

interface Sides {
  readonly sources: Bits;
  readonly destinations: Bits;
}

/** They overlap, the denial is no exception of the allow row, and it does not cover the allow row (W-022). */
function crosses(allow: Sides, deny: Sides): boolean {
  if (isEmptyBits(common(allow.sources, deny.sources))) return false;
  if (isEmptyBits(common(allow.destinations, deny.destinations))) return false;
  if (isWithin(deny.sources, allow.sources) || isWithin(deny.destinations, allow.destinations)) return false;
  return !isWithin(allow.sources, deny.sources) || !isWithin(allow.destinations, deny.destinations);
}

function common(a: Bits, b: Bits): Bits {
  const both = a.slice();
  keepBits(both, b);
  return both;
}

function isWithin(small: Bits, large: Bits): boolean {
  const rest = small.slice();
  removeBits(rest, large);
  return isEmptyBits(rest);
}

function exampleOf({ examined }: PolicyBuild, a: Bits, b: Bits): string {
  const [kind = -1] = membersOf(common(a, b));
  return examined.placement.members(kind)[0]?.name ?? '';
}
