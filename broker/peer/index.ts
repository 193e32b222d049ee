/** Domains at the other end of carriers: channel drivers, peers, and their queues. */
export { ChannelDriver, type DriverOwner, type RefusalReason } from './channel-driver.ts';
export { ChunkPool } from './chunk-pool.ts';
export type { PeerContext } from './context.ts';
export { DeferredCopies } from './deferred-copies.ts';
export { DurableEffects } from './durable.ts';
export { Flusher } from './flusher.ts';
export { Peer } from './peer.ts';
