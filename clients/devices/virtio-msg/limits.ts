/** Numbers that we chose for virtio-msg over Argus, with unit and reason. */

/** First Argo port of virtio-msg; the number of the bus is added. */
export const VIRTIO_MSG_PORT_BASE = 2_101_000_000;
/** Largest number of a bus. */
export const MAX_BUS = 999;
/** Chains that a queue can hold. With 64 KiB each, one queue holds 4 MiB of a driver at most. */
export const MAX_CHAINS = 64;
/** Blocks of 32 feature bits that can be asked for: VIRTIO 1.2 defines fewer than 128 bits. */
export const MAX_FEATURE_BLOCKS = 4;
/** Devices of one bus. A bitmap of them is 8 bytes. */
export const MAX_DEVICES = 64;
/** Bytes of one message, as its 16-bit size allows. */
export const MAX_MESSAGE_BYTES = 65_535;
/** Ring for one partner, bytes: room for eight messages of the largest size. */
export const BUS_RING_BYTES = 524_800;
/** How long a message waits for room in the ring of its receiver, ms. */
export const SEND_DEADLINE_MS = 5_000;
/** How long a driver waits for an answer, ms. */
export const ANSWER_TIMEOUT_MS = 10_000;
