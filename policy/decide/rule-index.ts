/**
 * Which rows can matter for a request: all of its class that name the source (or a label it has) and the destination alike.
 *
 * Exact duplicates count once, so a cell has at most (labels + 2)² × permissions × 2 rows, whatever the size of the file.
 */
import { ANY_LABEL, type Domain, type Domains, type ServiceClass } from '../contract/index.ts';
import type { Pace, PolicyRow } from '../read/index.ts';
import type { CasbinRow } from './oracle.ts';

/** A row ready to be asked about. */
export interface Rule {
  /** Position in file order. */
  readonly number: number;
  readonly row: PolicyRow;
  readonly casbinRow: CasbinRow;
}

type ByDestination = Map<string, Rule[]>;

export class RuleIndex {
  readonly rules: readonly Rule[];
  /** class index -> source subject -> destination subject -> rules in file order */
  readonly #classes: (Map<string, ByDestination> | undefined)[] = [];
  readonly #subjects = new Map<Domain, readonly string[]>();

  private constructor(rules: readonly Rule[], domains: Domains) {
    this.rules = rules;
    for (const domain of domains.all) this.#subjects.set(domain, [domain.name, ...domain.labels, ANY_LABEL]);
    this.#subjects.set(domains.broker, [domains.broker.name]);
  }

  static async build(rows: readonly PolicyRow[], domains: Domains, pace: Pace): Promise<RuleIndex> {
    const rules = rows.map((row, number) => ({ number, row, casbinRow: casbinRowOf(row) }));
    const index = new RuleIndex(rules, domains);
    for (const rule of rules) {
      index.#add(rule);
      const rest = pace();
      if (rest !== null) await rest;
    }
    return index;
  }

  /** Name, labels and `@any` of a domain. */
  subjectsOf(domain: Domain): readonly string[] {
    return this.#subjects.get(domain) ?? [];
  }

  /** The rows of this class that name both, in file order. */
  candidates(source: Domain, destination: Domain, serviceClass: ServiceClass): readonly Rule[] {
    const bySource = this.#classes[serviceClass.index];
    if (bySource === undefined) return [];
    const found: Rule[] = [];
    const destinations = this.subjectsOf(destination);
    for (const subject of this.subjectsOf(source)) {
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
}

function casbinRowOf({ source, destination, serviceClass, permission, effect }: PolicyRow): CasbinRow {
  return [source, destination, serviceClass.name, permission, effect];
}
