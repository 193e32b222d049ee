/**
 * How often a domain opens sessions. Each writes two records, and a domain is free to end one and begin the next: past a
 * number at once and one a second it counts as hasty. It is still let in, for it may be a guest that crashes as it starts,
 * but slowly (sessions.ts), and the log says that it was.
 */
import type { Clock } from '../base/index.ts';
import { SESSION_INTERVAL_MS, SESSIONS_AT_ONCE } from '../process/index.ts';

interface Pace {
  /** When the domain will have its whole allowance again. */
  restedAt: number;
  /** Hasty sessions since the last that was not. */
  hasty: number;
}

export class SessionPace {
  readonly #now: Clock['mono'];
  /** Of domains that have proved themselves, so no more than the inventory has had. */
  readonly #byDomain = new Map<string, Pace>();

  constructor(now: Clock['mono']) {
    this.#now = now;
  }

  /** Counts a session: 0, or how many in a row have been hasty with this one. */
  count(domain: string): number {
    const now = this.#now();
    const pace = this.#byDomain.get(domain) ?? { restedAt: now, hasty: 0 };
    this.#byDomain.set(domain, pace);
    const restedAt = Math.max(pace.restedAt, now) + SESSION_INTERVAL_MS;
    if (restedAt - now > SESSIONS_AT_ONCE * SESSION_INTERVAL_MS) return ++pace.hasty;
    pace.restedAt = restedAt;
    pace.hasty = 0;
    return 0;
  }
}
