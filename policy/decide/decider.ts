/**
 * Decisions as facts: for a (source, destination, class), which permissions Casbin allows and which row decided each.
 *
 * Casbin says yes or no; the row is found here, and the two must agree, or the decision is an error and so a denial. Cells
 * whose candidate rows are the same have the same answers (a candidate names both ends by definition), so Casbin is asked
 * once for all domains with the same labels.
 */

import { type Domain, type Domains, type ServiceClass, WILDCARD } from '../contract/index.ts';
import { type Effect, invariant } from '../read/index.ts';
import type { Oracle } from './oracle.ts';
import type { Rule, RuleIndex } from './rule-index.ts';

export interface Verdict {
  readonly allowed: boolean;
  /** The row that decided: the first deny row, else the first allow row, in file order; null = no row matches. */
  readonly rule: Rule | null;
}

/** Parallel to `ServiceClass.permissions`. */
export type Verdicts = readonly Verdict[];

const NO_RULE: Verdict = Object.freeze({ allowed: false, rule: null });

export class Decider {
  readonly #index: RuleIndex;
  readonly #oracle: Oracle;
  /** Keyed by the numbers of the candidate rows. As many entries as there are different combinations, not as cells. */
  readonly #known = new Map<string, Verdicts>();
  /** By class index: the answer where there is no candidate. */
  readonly #none: (Verdicts | undefined)[] = [];

  constructor(index: RuleIndex, oracle: Oracle) {
    this.#index = index;
    this.#oracle = oracle;
  }

  /** @throws PolicyError ERR_POLICY_INVARIANT when Casbin and the rows disagree */
  decide(source: Domain, destination: Domain, serviceClass: ServiceClass): Verdicts {
    const candidates = this.#index.candidates(source, destination, serviceClass);
    if (candidates.length === 0) {
      this.#none[serviceClass.index] ??= serviceClass.permissions.map(() => NO_RULE);
      return this.#none[serviceClass.index] ?? [];
    }
    const key = candidates.map(({ number }) => number).join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const verdicts = serviceClass.permissions.map((permission) =>
      this.#ask(source, destination, serviceClass, permission, candidates),
    );
    this.#known.set(key, verdicts);
    return verdicts;
  }

  #ask(
    source: Domain,
    destination: Domain,
    serviceClass: ServiceClass,
    permission: string,
    candidates: readonly Rule[],
  ): Verdict {
    const relevant = candidates.filter(({ row }) => row.permission === permission || row.permission === WILDCARD);
    if (relevant.length === 0) return NO_RULE;
    const request = { source: source.name, destination: destination.name, className: serviceClass.name, permission };
    const allowed = this.#oracle.decide(
      request,
      relevant.map(({ casbinRow }) => casbinRow),
    );
    const first = (effect: Effect) => relevant.find(({ row }) => row.effect === effect) ?? null;
    const denying = first('deny');
    const rule = denying ?? first('allow');
    invariant(
      rule !== null && allowed === (denying === null),
      `Casbin and the rows disagree on ${Object.values(request).join(' ')}`,
    );
    return { allowed, rule };
  }
}

/** A policy that can be asked, before it is in force. */
export interface Examined {
  readonly domains: Domains;
  readonly index: RuleIndex;
  readonly decider: Decider;
}

/** Which row decided, in words. */
export function describeRule(rule: Rule | null | undefined): string {
  return rule == null ? '(no row allows it)' : `(${rule.row.place.file}:${rule.row.place.line})`;
}
