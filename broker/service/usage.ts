/** The resources that one domain, or all strangers, use besides messages, and how often they were held back. */
import type { Account, Argo } from '../core/index.ts';
import { type Turns, UNITS_PER_MS } from '../turns/index.ts';
import type { Sessions } from './sessions.ts';

/** The memory of one account. */
export interface MemoryStatus {
  /** Bytes charged to it now. */
  readonly held: number;
  /** The most bytes that it could hold now if the others stay as they are. */
  readonly share: number;
  /** Charges refused because of its share, since start. */
  readonly heldBack: number;
}

export interface Usage {
  /** Memory of partly received records, unread answers, and buffers of its carriers. */
  readonly sessionMemory: MemoryStatus;
  readonly work: {
    /** CPU time by the prices of broker/turns, milliseconds since start. */
    readonly milliseconds: number;
    /** Number of times that its work waited for a later turn, because its part of the present turn was used up. */
    readonly heldBack: number;
  };
  /** Open carriers: that of its session, those that have not authenticated, and those that are closing. */
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
