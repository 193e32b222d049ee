/**
 * Decisions as facts: for a (source, destination, class), which permissions are allowed and which row decided each.
 *
 * Three answers must agree, or the decision is an error and so a denial: Casbin says yes or no over the candidate rows, the
 * first deny or allow row is found among them, and the expansion has the bit set or not. Kinds whose candidate rows are the
 * same have the same answers (a candidate names both ends by definition), so Casbin is asked once for all of them.
 */

import { type Domain, type ServiceClass, WILDCARD } from '../contract/index.ts';
import { type Effect, invariant } from '../read/index.ts';
import type { AuditRows } from './audit-rows.ts';
import type { Expansion } from './expansion.ts';
import type { Kinds, Placement } from './kinds.ts';
import type { Oracle } from './oracle.ts';
import type { Rule, RuleIndex } from './rule-index.ts';

export interface Verdict {
  readonly allowed: boolean;
  /** The row that decided: the first deny row, else the first allow row, in file order; null = no row matches. */
  readonly rule: Rule | null;
}

/** Parallel to `ServiceClass.permissions`. */
export type Verdicts = readonly Verdict[];

/** The parts that all overlays of the same files share. */
export interface Rulebook {
  readonly index: RuleIndex;
  readonly kinds: Kinds;
  readonly oracle: Oracle;
  /** How decisions are recorded. */
  readonly audit: AuditRows;
  /** Casbin's answers by the numbers of the candidate rows: as many as there are different combinations, not as cells. */
  readonly answers: Map<string, Verdicts>;
  /** The same answers by source kind, destination kind and class. */
  readonly cells: Map<number, Verdicts>;
}

/** A policy that can be asked: rows, domains with their kinds, and the expansion over these kinds. */
export interface Examined {
  readonly book: Rulebook;
  readonly placement: Placement;
  readonly expansion: Expansion;
}

/** Which kinds reach which: the expansion, or the expansion with more added. */
export type Reach = Pick<Expansion, 'capacity' | 'members' | 'allowed'>;

/** The part of `Examined` that assertions about the shape of a policy read. */
export interface Surveyed extends Omit<Examined, 'expansion'> {
  readonly expansion: Reach;
}

/** Cells that are remembered across revisions; after that many they are found by their candidate rows again. */
const MAX_CELLS = 1 << 20;

const NO_RULE: Verdict = Object.freeze({ allowed: false, rule: null });

export class Decider {
  readonly #examined: Examined;
  /** By class index: the answer when no candidate exists. */
  readonly #none: (Verdicts | undefined)[] = [];

  constructor(examined: Examined) {
    this.#examined = examined;
  }

  /**
   * @param source of this revision
   * @param destination of this revision
   * @throws PolicyError ERR_POLICY_INVARIANT when Casbin, the rows and the expansion disagree
   */
  decide(source: Domain, destination: Domain, serviceClass: ServiceClass): Verdicts {
    const { placement, expansion } = this.#examined;
    const [from, to] = [placement.kind(source), placement.kind(destination)];
    const cell = (from * 0x10000 + to) * 0x80 + serviceClass.index;
    const { cells } = this.#examined.book;
    const known = cells.get(cell);
    if (known !== undefined) return known;
    const verdicts = this.#answer(from, to, serviceClass);
    for (const [position, { allowed }] of verdicts.entries()) {
      invariant(
        expansion.isAllowed(from, to, serviceClass, position) === allowed,
        `Casbin and the expansion disagree on ${source.name} ${destination.name} ${serviceClass.name} ${serviceClass.permissions[position]}`,
      );
    }
    if (cells.size >= MAX_CELLS) cells.clear();
    cells.set(cell, verdicts);
    return verdicts;
  }

  #answer(from: number, to: number, serviceClass: ServiceClass): Verdicts {
    const { index, kinds, answers } = this.#examined.book;
    const candidates = index.candidates(kinds.subjects[from] ?? [], kinds.subjects[to] ?? [], serviceClass);
    if (candidates.length === 0) {
      this.#none[serviceClass.index] ??= serviceClass.permissions.map(() => NO_RULE);
      return this.#none[serviceClass.index] ?? [];
    }
    const key = candidates.map(({ number }) => number).join();
    const known = answers.get(key);
    if (known !== undefined) return known;
    const verdicts = serviceClass.permissions.map((permission) =>
      this.#ask(from, to, serviceClass, permission, candidates),
    );
    answers.set(key, verdicts);
    return verdicts;
  }

  #ask(from: number, to: number, serviceClass: ServiceClass, permission: string, candidates: readonly Rule[]): Verdict {
    const relevant = candidates.filter(({ row }) => row.permission === permission || row.permission === WILDCARD);
    if (relevant.length === 0) return NO_RULE;
    const { kinds, oracle } = this.#examined.book;
    const [source, destination] = [kinds.nameOf(from), kinds.nameOf(to)];
    oracle.introduce(source, kinds.subjects[from] ?? []);
    oracle.introduce(destination, kinds.subjects[to] ?? []);
    const allowed = oracle.decide(
      { source, destination, className: serviceClass.name, permission },
      relevant.map(({ casbinRow }) => casbinRow),
    );
    const first = (effect: Effect) => relevant.find(({ row }) => row.effect === effect) ?? null;
    const denying = first('deny');
    const rule = denying ?? first('allow');
    invariant(
      rule !== null && allowed === (denying === null),
      `Casbin and the rows disagree on ${source} ${destination} ${serviceClass.name} ${permission}`,
    );
    return { allowed, rule };
  }
}

/** Which row decided, in words. */
export function describeRule(rule: Rule | null | undefined): string {
  return rule == null ? '(no row allows it)' : `(${rule.row.place.file}:${rule.row.place.line})`;
}
