/** Numbers that we chose for the network device, with unit and reason. */

/** The largest frame that a guest may hand over: 64 KiB of TCP in one piece, with its headers. */
export const MAX_NET_PACKET_BYTES = 65_536 + 54 + 64;
/** Bytes of frames that may wait for buffers of the guest; past it the link's peers are slowed down. */
export const NET_WAITING_BYTES = 1_048_576;
/** Buffers of the guest that one frame may be spread over: 9 000 bytes in buffers of 256. A guest with smaller ones loses it. */
export const MAX_NET_BUFFERS = 64;
/** Pairs of queues of one card: one for each processor of a guest of usual size. A guest with more shares them. */
export const MAX_NET_QUEUE_PAIRS = 8;
