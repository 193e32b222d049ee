/**
 * A route: all that sending from one domain to one (destination, port) needs and that does not change from message to
 * message: the answers of the reference monitor, the ring and the sender's share of it. It is a cache of look-ups, not of
 * trust: a new revision, a ring that comes or goes, or a session that starts or ends makes every route stale, and the
 * ring checks each permit again.
 */

import type { FlowCounter } from '../record/index.ts';
import type { DomainBase } from './domain-base.ts';
import type { Mediation } from './mediation.ts';
import type { Ring } from './rings/ring.ts';
import type { Share } from './rings/share.ts';

export interface Route {
  readonly generation: number;
  /** As the frame named it. */
  readonly destinationId: number;
  readonly port: number;
  /** What the reference monitor says of this sender, destination and port. */
  readonly mediation: Mediation;
  /** Present when `argo:send` allows. */
  readonly target: Target | null;
}

export interface Target {
  readonly destination: DomainBase;
  /** Exact partner before wildcard; null = ECONNREFUSED. */
  readonly ring: Ring | null;
  readonly share: Share | null;
  /** Parallel to the class's permissions, filled at first use: where allowed sends are counted. */
  readonly flows: (FlowCounter | undefined)[];
}
