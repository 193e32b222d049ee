/** Numbers that we chose for ivshmem, with unit and reason. */

/** Argo port of region 0. A region is one table of sections; its number is added. */
export const IVSHMEM_PORT_BASE = 2_100_000_000;
export const MAX_REGION = 999;
/** Peers of one region: their places in it are fixed when it is made. */
export const MAX_PEERS = 64;
/** Interrupt vectors of each peer: the permissions of the broker's inspector. */
export const MAX_VECTORS = 8;
/** Section of one peer, bytes: it must fit one message together with its header. */
export const MIN_SECTION_BYTES = 4_096;
export const MAX_SECTION_BYTES = 8 * 1_048_576;
/** A section up to this size travels whole. A larger section has a frame with the number of valid bytes. */
export const MAX_WHOLE_SECTION_BYTES = 65_536;
/** How often the ring of a peer that policy refused is asked for again when no new policy is announced. */
export const PEER_RETRY_MS = 30_000;
/** How long a doorbell waits for room at the other side. */
export const DOORBELL_DEADLINE_MS = 2_000;
