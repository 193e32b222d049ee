/**
 * The rows of one policy.csv, found by what they name.
 *
 * Exact duplicates count once for decisions, so a cell has at most (labels + 2)² × permissions × 2 rows, whatever the size
 * of the file.
 */
import { type ServiceClass, WILDCARD } from '../contract/index.ts';
import type { Effect, PolicyRow, Work } from '../read/index.ts';
import type { CasbinRow } from './oracle.ts';

/** A row ready to be asked about. */
export interface Rule {
  /** Position in file order. */
  readonly number: number;
  readonly row: PolicyRow;
  readonly casbinRow: CasbinRow;
}

/** Rows with the same source, class, permission and effect. A row for `*` is in one group per permission. */
export interface RowGroup {
  readonly number: number;
  /** Class and permission as one number. */
  readonly slot: number;
  readonly effect: Effect;
  readonly destinations: ReadonlySet<string>;
}

type ByDestination = Map<string, Rule[]>;

export class RuleIndex {
  readonly rules: readonly Rule[];
  /** Everything that a row names as source or destination. */
  readonly named: ReadonlySet<string>;
  /** class index -> source subject -> destination subject -> rules in file order */
  readonly #classes: (Map<string, ByDestination> | undefined)[] = [];
  readonly groups: RowGroup[] = [];
  /** Source subject -> slot and effect -> group */
  readonly #groups = new Map<string, Map<number, RowGroup & { readonly destinations: Set<string> }>>();
  /** Class index -> number of its first slot; a class has one slot per permission. */
  readonly #firstSlot: readonly number[];

  private constructor(rules: readonly Rule[], classes: readonly ServiceClass[]) {
    let slots = 0;
    this.#firstSlot = classes.map(({ permissions }) => {
      slots += permissions.length;
      return slots - permissions.length;
    });
    this.rules = rules;
    this.named = new Set(rules.flatMap(({ row }) => [row.source, row.destination]));
  }

  static *build(rows: readonly PolicyRow[], classes: readonly ServiceClass[]): Work<RuleIndex> {
    const rules = rows.map((row, number) => ({ number, row, casbinRow: casbinRowOf(row) }));
    const index = new RuleIndex(rules, classes);
    for (const rule of index.rules) {
      index.#add(rule);
      index.#group(rule.row);
      yield;
    }
    return index;
  }

  slotOf({ index }: ServiceClass, position: number): number {
    return (this.#firstSlot[index] ?? 0) + position;
  }

  /** The groups of rows whose source is the subject. */
  groupsOf(subject: string): Iterable<RowGroup> {
    return this.#groups.get(subject)?.values() ?? [];
  }

  /** The rows of this class that name one of the sources and one of the destinations, in file order. */
  candidates(sources: readonly string[], destinations: readonly string[], { index }: ServiceClass): readonly Rule[] {
    const bySource = this.#classes[index];
    if (bySource === undefined) return [];
    const found: Rule[] = [];
    for (const subject of sources) {
      const byDestination = bySource.get(subject);
      if (byDestination === undefined) continue;
      for (const target of destinations) {
        const rules = byDestination.get(target);
        if (rules !== undefined) found.push(...rules);
      }
    }
    return found.sort((a, b) => a.number - b.number);
  }

  #add(rule: Rule): void {
    const { source, destination, serviceClass, permission, effect } = rule.row;
    const bySource = this.#classes[serviceClass.index] ?? new Map<string, ByDestination>();
    this.#classes[serviceClass.index] = bySource;
    const byDestination = bySource.get(source) ?? new Map<string, Rule[]>();
    bySource.set(source, byDestination);
    const cell = byDestination.get(destination) ?? [];
    byDestination.set(destination, cell);
    if (!cell.some(({ row }) => row.permission === permission && row.effect === effect)) cell.push(rule);
  }

  #group({ source, destination, serviceClass, permission, effect }: PolicyRow): void {
    let bySlot = this.#groups.get(source);
    if (bySlot === undefined) {
      bySlot = new Map();
      this.#groups.set(source, bySlot);
    }
    for (const [position, name] of serviceClass.permissions.entries()) {
      if (permission !== WILDCARD && permission !== name) continue;
      const slot = this.slotOf(serviceClass, position);
      const key = slot * 2 + (effect === 'allow' ? 0 : 1);
      let group = bySlot.get(key);
      if (group === undefined) {
        group = { number: this.groups.length, slot, effect, destinations: new Set() };
        bySlot.set(key, group);
        this.groups.push(group);
      }
      group.destinations.add(destination);
    }
  }
}

function casbinRowOf({ source, destination, serviceClass, permission, effect }: PolicyRow): CasbinRow {
  return [source, destination, serviceClass.name, permission, effect];
}
