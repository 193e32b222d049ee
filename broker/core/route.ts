/**
 * A route: all that sending from one domain to one (destination, port) needs and that does not change from message to
 * message: both hooks' answers, the inspector, the ring and the sender's share of it. It is a cache of look-ups, not of
 * trust: a new revision, a ring that comes or goes, or a session that starts or ends makes every route stale, and the
 * ring compares each permit once more.
 */
import type { AccessVector, Decision, Denial, ServiceClass } from '../../policy/contract/index.ts';
import type { Inspector } from './inspectors/index.ts';
import type { Party } from './party.ts';
import type { FlowCounter } from './recorder.ts';
import type { Ring } from './rings/ring.ts';
import type { Share } from './rings/share.ts';

export interface Route {
  readonly generation: number;
  /** As the frame named it. */
  readonly destinationId: number;
  readonly port: number;
  /** Hook `argo:send`. For a domid that nobody has it is a denial like any other. */
  readonly send: Decision;
  /** The rest is present when `send` allows. */
  readonly target: Target | null;
}

export interface Target {
  readonly destination: Party;
  readonly serviceClass: ServiceClass;
  readonly inspector: Inspector;
  /** Hook of the service class: one decision per permission. */
  readonly vector: AccessVector;
  readonly malformed: Denial;
  /** Exact partner before wildcard; null = ECONNREFUSED. */
  readonly ring: Ring | null;
  readonly share: Share | null;
  /** Parallel to the class's permissions, filled at first use: where allowed sends are counted. */
  readonly flows: (FlowCounter | undefined)[];
}
