/**
 * Numbers that the format fixes. Changing one needs a new wire version. Numbers that are only our choice are in
 * broker/process/limits.ts.
 */

/** First two bytes of every record, little-endian: A7 67. */
export const RECORD_MAGIC = 0x67a7;
/** 2: the keys of an epoch are bound to the number of records in the one before. */
export const WIRE_VERSION = 2;
/** magic u16, version u8, type u8, epoch u32, sequence u64, length u32, reserved u32. */
export const RECORD_HEADER_BYTES = 24;
/** AEAD tag, the last bytes of a sealed record's body. */
export const TAG_BYTES = 16;
/** What a record is longer than its plaintext: the header goes before it, the tag behind it. */
export const RECORD_OVERHEAD_BYTES = RECORD_HEADER_BYTES + TAG_BYTES;
export const NONCE_BYTES = 12;
/**
 * Plaintext of a data record, unless one larger frame fills it alone: 95 KiB, so that a message of 64 KiB shares its
 * record with smaller ones and needs no memory of its own; below the 128 KiB from which on malloc maps memory again for
 * each AEAD call; and sealed, with its header, 97 536 bytes: a whole number of fragments on every carrier that cuts
 * records.
 */
export const MAX_RECORD_PLAINTEXT_BYTES = 97_496;

export const RecordType = { hello: 1, welcome: 2, data: 3, close: 4, rekey: 5 } as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** length u32 (of the whole frame), op u8, flags u8, reserved u16 = 0, request id u32. */
export const FRAME_HEADER_BYTES = 12;
/** Frame header, source domid u16, destination domid u16, source port u32, destination port u32, message type u32. */
export const DATA_FRAME_HEADER_BYTES = 28;

// Argo's own numbers (xen/include/public/argo.h, xen/common/argo.c); same names, same values.

/** Messages occupy whole slots: 16 bytes of header plus the payload rounded up to 16. */
export const MSG_SLOT_BYTES = 16;
export const MESSAGE_HEADER_BYTES = 16;
/** Header, one slot of payload, and the slot that always stays free. */
export const MIN_RING_BYTES = 48;
/** XEN_ARGO_MAX_RING_SIZE less the 64-byte page header, rounded to a slot: the largest ring Xen can register. */
export const MAX_RING_BYTES = 16_777_152;
/** The largest message that the largest ring can take: its length less 32. */
export const MAX_MESSAGE_BYTES = MAX_RING_BYTES - 2 * MSG_SLOT_BYTES;
/** The largest frame: the largest message and its header. */
export const MAX_DATA_FRAME_BYTES = DATA_FRAME_HEADER_BYTES + MAX_MESSAGE_BYTES;
/** The largest body that a record may declare once the other side is authenticated. */
export const MAX_RECORD_BODY_BYTES = MAX_DATA_FRAME_BYTES + TAG_BYTES;
/** The largest body that a record may declare before that: a hello is about 1.6 KiB, a credential at most 8 KiB. */
export const MAX_HANDSHAKE_BODY_BYTES = 16_384;
/** XEN_ARGO_MAXIOV. */
export const MAX_IOV = 8;
/** MAX_ARGO_MESSAGE_SIZE: a single iov above it is EINVAL, a sum above it EMSGSIZE. */
export const MAX_IOV_BYTES = 16_777_184;
export const MAX_RINGS_PER_DOMAIN = 128;
export const MAX_NOTIFY_ENTRIES = 256;
/**
 * Entries that a notify frame may declare: one more than Argo accepts, so that 257 entries get an error and not a
 * fault.
 */
export const MAX_NOTIFY_DECODED = MAX_NOTIFY_ENTRIES + 1;
/** Domains that can wait for space in one ring. */
export const MAX_PENDING_PER_RING = 32;
/** XEN_ARGO_DOMID_ANY: the wildcard partner; as a source it means "me". */
export const DOMID_ANY = 0x7ff4;
/** XEN_ARGO_REGISTER_FLAG_FAIL_EXIST. */
export const REGISTER_FAIL_EXIST = 0x1;

/** Flags of a notify answer (XEN_ARGO_RING_*). */
export const RingFlag = { exists: 1, shared: 2, empty: 4, sufficient: 8, emsgsize: 16, ebusy: 32 } as const;

/** Flags of a sendv frame. */
export const SendFlag = {
  /** After one EAGAIN on a ring, refuse my later ordered sends to it too, so that none overtakes the refused one. */
  ordered: 1,
  /** Lift that refusal: this is the refused message, sent again. */
  resume: 2,
} as const;
export const SEND_FLAGS_MASK = SendFlag.ordered | SendFlag.resume;

/**
 * Bytes that a stream may hold between two records when its other end restarts: the rest of a largest record, and
 * slack.
 */
export const MAX_SKIPPED_BYTES = 2 * MAX_RING_BYTES;

/**
 * Places that a search for a record tries at once: a place costs about half a microsecond, and a read of a carrier may
 * hold thousands of them.
 */
export const PLACES_PER_SEARCH = 64;

/** Labels of one introduced domain: as many as a policy can declare. */
export const MAX_LABELS = 1024;
/** Longest statement in a credential frame: no verifier reads a longer one. */
export const MAX_STATEMENT_BYTES = 8_192;
/** Longest domain name in a frame (a DNS label). */
export const MAX_NAME_BYTES = 63;
/** Bytes of the key commitment that opens each direction. */
export const COMMITMENT_BYTES = 32;
/** "Every port" in a peer-gone event. */
export const PORT_ALL = 0xffff_ffff;
