/** Numbers that we chose for all devices, with unit and reason. A number that a specification fixes stands next to its codec. */

/** Descriptor chains that one wake-up may process, so that one queue cannot hold the event loop. */
export const CHAINS_PER_WAKE_UP = 64;
/** Descriptors of one indirect table. Linux uses at most the size of the queue, which is 1024 or less in every VMM. */
export const MAX_INDIRECT_DESCRIPTORS = 1_024;
/** Bytes that a guest may offer for one answer. Virtio-net offers 64 KiB, virtio-vsock 4 KiB; more is a fault. */
export const MAX_WRITABLE_BYTES = 1_048_576;
/** Regions of guest memory: VMMs have 8 or fewer, plus one for each hot-plugged module. */
export const MAX_MEMORY_REGIONS = 64;
/** File descriptors in one vhost-user message: the protocol needs at most one per memory region of a whole table, 8. */
export const MAX_MESSAGE_DESCRIPTORS = 8;
/** Connections that one wake-up of a listening socket accepts; only one VMM may be attached, so all others are closed. */
export const ACCEPTS_PER_WAKE_UP = 8;

/** Lines of one kind for the operator: one in so many milliseconds. */
export const LINE_MS = 1_000;
/** How often a ring that policy refused is asked for again when no new policy is announced. */
export const RING_RETRY_MS = 2_000;
