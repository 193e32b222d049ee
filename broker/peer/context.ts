/** The context that all channel drivers and peers of one broker share. */
import type { AeadSuite, Identity } from '../../keys/index.ts';
import type { AuditLog } from '../audit/index.ts';
import type { Clock } from '../base/index.ts';
import type { HandshakeContext } from '../channel/index.ts';
import type { Argo } from '../core/index.ts';
import type { Logger } from '../process/index.ts';
import type { Turns } from '../turns/index.ts';
import type { ChunkPool } from './chunk-pool.ts';
import type { DeferredCopies } from './deferred-copies.ts';
import type { DurableEffects } from './durable.ts';
import type { Flusher } from './flusher.ts';

export interface PeerContext {
  readonly identity: Identity;
  readonly suites: readonly AeadSuite[];
  readonly argo: Argo;
  readonly audit: AuditLog;
  readonly durable: DurableEffects;
  readonly pool: ChunkPool;
  readonly deferredCopies: DeferredCopies;
  readonly flusher: Flusher;
  readonly turns: Turns;
  readonly handshake: HandshakeContext;
  readonly clock: Clock;
  readonly log: Logger;
}
