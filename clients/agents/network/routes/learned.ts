/**
 * The routes that a guest has learned from its router: pure, from messages and events to the set that should be in force.
 *
 * Messages and events must come in the order in which the broker sent them. An announcement that is looked at after the
 * event that ended its router would stay in force although nobody can withdraw it any more.
 *
 * Two events only raise a doubt: this guest's own session was away, or a new policy is in force. The router may have gone,
 * or lost its permission, unnoticed. The guest then asks, and each set that the router does not announce again in time goes.
 */
import type { RouteMessage } from './message.ts';
import { toWanted, type WantedRoute } from './plan.ts';
import { formatPrefix } from './prefix.ts';

type SetKind = 'announce' | 'announce-default';

export class LearnedRoutes {
  readonly #sets = new Map<SetKind, readonly WantedRoute[]>();
  readonly #doubted = new Set<SetKind>();

  get isEmpty(): boolean {
    return this.#sets.size === 0;
  }

  get wanted(): readonly WantedRoute[] {
    return [...this.#sets.values()].flat();
  }

  /** A set replaces the earlier set of its kind; an empty one, or a withdrawal without routes, takes everything back. */
  take({ operation, routes, gateway4, gateway6 }: RouteMessage): void {
    if (operation === 'request') return;
    if (operation !== 'withdraw') {
      this.#doubted.delete(operation);
      this.#replace(operation, toWanted(routes, gateway4, gateway6));
    } else if (routes.length === 0) this.clear();
    else {
      const gone = new Set(routes.map(({ prefix }) => formatPrefix(prefix)));
      for (const [kind, wanted] of [...this.#sets])
        this.#replace(
          kind,
          wanted.filter(({ prefix }) => !gone.has(formatPrefix(prefix))),
        );
    }
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

  #replace(kind: SetKind, wanted: readonly WantedRoute[]): void {
    if (wanted.length > 0) this.#sets.set(kind, wanted);
    else this.#sets.delete(kind);
  }
}
