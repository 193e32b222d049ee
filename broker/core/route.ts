/**
 * A route: everything that sends from one domain to one (destination, port) have in common: the answers of the
 * reference monitor, the ring, and the sender's share of it. It is a cache of look-ups, not of trust: a new revision, a
 * ring that is opened or closed, or a session that starts or ends makes every route stale, and the ring checks each
 * permit again.
 */

import type { FlowCounter } from '../record/index.ts';
import type { DomainBase } from './domain-base.ts';
import type { Mediation } from './mediation.ts';
import type { Ring } from './rings/ring.ts';
import type { Share } from './rings/share.ts';

export interface Route {
  readonly generation: number;
  /** The destination as written in the frame. */
  readonly destinationId: number;
  readonly port: number;
  /** The reference monitor's answers for this sender, destination and port. */
  readonly mediation: Mediation;
  /** Present when `argo:send` allows. */
  readonly target: Target | null;
}

export interface Target {
  readonly destination: DomainBase;
  /** Exact partner before wildcard; null = ECONNREFUSED. */
  readonly ring: Ring | null;
  readonly share: Share | null;
  /** Counters of allowed sends, one per permission of the class. Each is created at its first use. */
  readonly flows: (FlowCounter | undefined)[];
}
