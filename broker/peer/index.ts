/** Domains at the other end of carriers: links, peers, and what is queued for them. */
export { ChunkPool } from './chunk-pool.ts';
export type { PeerContext } from './context.ts';
export { DurableEffects } from './durable.ts';
export { Flusher } from './flusher.ts';
export { Link, type LinkOwner, type RefusalReason } from './link.ts';
export { Loans } from './loans.ts';
export { Peer } from './peer.ts';
