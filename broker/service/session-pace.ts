/**
 * The rate at which a domain opens sessions. Each session writes two records, and a domain can end one and begin the
 * next at will. A session beyond an initial burst and one a second counts as hasty. A hasty session is still accepted,
 * because the guest may be crashing at its start. But the broker delays it (sessions.ts) and records that it was hasty.
 */
import type { Clock } from '../base/index.ts';
import { SESSION_INTERVAL_MS, SESSIONS_AT_ONCE } from '../process/index.ts';

interface Pace {
  /** Time at which the domain will have its whole allowance again. */
  restedAt: number;
  /** Hasty sessions since the last ordinary one. */
  hasty: number;
}

export class SessionPace {
  readonly #now: Clock['mono'];
  /** Authenticated domains only, so there are at most as many as the inventory has had. */
  readonly #byDomain = new Map<string, Pace>();

  constructor(now: Clock['mono']) {
    this.#now = now;
  }

  /** Counts a session. Returns 0, or the number of hasty sessions in a row, this one included. */
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
