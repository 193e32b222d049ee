/** What one domain, or all strangers together, use of the broker beside their messages, and how often they were held back. */
import type { Account, Argo } from '../core/index.ts';
import { type Turns, UNITS_PER_MS } from '../turns/index.ts';
import type { Sessions } from './sessions.ts';

/** Of one account. */
export interface MemoryStatus {
  /** What the broker holds for it, bytes. */
  readonly held: number;
  /** The most that it could hold now if the others keep what they have, bytes. */
  readonly share: number;
  /** Charges that its share did not allow, since start. */
  readonly heldBack: number;
}

export interface Usage {
  /** Of what it has half sent, its unread answers, and what its carriers keep. */
  readonly sessionMemory: MemoryStatus;
  readonly work: {
    /** CPU time by the prices of broker/turns, milliseconds since start. */
    readonly milliseconds: number;
    /** How many times its work waited for a later turn, because it had used its part of the present one. */
    readonly heldBack: number;
  };
  /** Carriers that are open: its session, those that have not proved anything, those that are closing. */
  readonly sockets: number;
}

export interface UsageSources {
  readonly argo: Argo;
  readonly turns: Turns;
  readonly sessions: Sessions;
}

/** `name` of a domain, or STRANGERS. */
export function usageOf({ argo, turns, sessions }: UsageSources, name: string): Usage {
  const { used, heldBack } = turns.share(name);
  return {
    sessionMemory: memoryOf(argo.accounts.ofSessions(name)),
    work: { milliseconds: Math.round(used / UNITS_PER_MS), heldBack },
    sockets: sessions.socketsOf(name),
  };
}

export function memoryOf({ held, share, heldBack }: Account): MemoryStatus {
  return { held, share, heldBack };
}
