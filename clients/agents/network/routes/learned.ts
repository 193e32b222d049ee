/**
 * The routes that a guest has learned from its router: pure, from messages and events to the set that should be in force.
 *
 * Messages and events must come in the order in which the broker sent them. An announcement that is looked at after the
 * event that ended its router would stay in force although nobody can withdraw it any more.
 *
 * Two events only raise a doubt: this guest's own session was away, or a new policy is in force. The router may have gone,
 * or lost its permission, unnoticed. The guest then asks, and each set that the router does not announce again in time goes.
 * A set of a newer generation raises the same doubt about the other set: a router that changes one announces both, so the
 * withdrawal of the other may have been lost.
 */
import type { RouteMessage } from './message.ts';
import { toWanted, type WantedRoute } from './plan.ts';
import { formatPrefix } from './prefix.ts';

type SetKind = 'announce' | 'announce-default';

export class LearnedRoutes {
  readonly #sets = new Map<SetKind, readonly WantedRoute[]>();
  readonly #generations = new Map<SetKind, number>();
  readonly #doubted = new Set<SetKind>();

  get isEmpty(): boolean {
    return this.#sets.size === 0;
  }

  get wanted(): readonly WantedRoute[] {
    return [...this.#sets.values()].flat();
  }

  /**
   * A set replaces the earlier set of its kind; an empty one, or a withdrawal without routes, takes everything back.
   *
   * @returns whether the other set is in doubt from now on
   */
  take({ operation, routes, gateway4, gateway6, generation }: RouteMessage): boolean {
    if (operation === 'request') return false;
    if (operation !== 'withdraw') {
      this.#doubted.delete(operation);
      this.#generations.set(operation, generation);
      this.#replace(operation, toWanted(routes, gateway4, gateway6));
      return this.#doubtOther(operation, generation);
    }
    if (routes.length === 0) this.clear();
    else this.#withdraw(new Set(routes.map(({ prefix }) => formatPrefix(prefix))));
    return false;
  }

  /** From now on each set must be announced again before `dropDoubted`. */
  doubt(): void {
    for (const kind of this.#sets.keys()) this.#doubted.add(kind);
  }

  /** @returns whether a set went */
  dropDoubted(): boolean {
    const before = this.#sets.size;
    for (const kind of this.#doubted) this.#sets.delete(kind);
    this.#doubted.clear();
    return this.#sets.size < before;
  }

  clear(): void {
    this.#sets.clear();
    this.#doubted.clear();
  }

  #withdraw(gone: ReadonlySet<string>): void {
    for (const [kind, wanted] of [...this.#sets])
      this.#replace(
        kind,
        wanted.filter(({ prefix }) => !gone.has(formatPrefix(prefix))),
      );
  }

  #doubtOther(kind: SetKind, generation: number): boolean {
    const other = kind === 'announce' ? 'announce-default' : 'announce';
    if (!this.#sets.has(other) || this.#doubted.has(other) || this.#generations.get(other) === generation) return false;
    this.#doubted.add(other);
    return true;
  }

  #replace(kind: SetKind, wanted: readonly WantedRoute[]): void {
    if (wanted.length > 0) this.#sets.set(kind, wanted);
    else this.#sets.delete(kind);
  }
}
