/** Every number of the NATS carrier that we chose, with unit and reason. */

/**
 * Bytes that one end may have in flight to the other, in each direction of a pipe. The server may have to hold this
 * much for a stopped reader, and a revocation can no longer remove it. At 0.3 GB/s it covers 7 ms of round trip. With 1
 * MiB a busy two-core host delivered a third less.
 */
export const WINDOW_BYTES = 2 * 1024 * 1024;
/** The reader returns credit after each quarter of the window: four small messages per filled window. */
export const CREDIT_SHARE = 4;
/**
 * Bytes of one message over plain TCP: a full record is three messages. The server copies larger messages into separate
 * memory; smaller ones cost every process the overhead of a message more often. Relative CPU per 1 764 bytes, both
 * crossings, all processes together, in one run with records of 64 KiB: 1.00 with 16 256, 0.94 with 32 640, 1.07 with
 * 65 000.
 */
export const PLAIN_FRAGMENT_BYTES = 32_512;
/** Plaintext of a TLS record (RFC 8446 §5.1). */
export const TLS_RECORD_BYTES = 16_384;
/** The same over TLS: a full record is six messages. Each fills one TLS record, together with its protocol line. */
export const TLS_FRAGMENT_BYTES = 16_256;
/** Bytes for a paused reader are kept in blocks of this length. One block is delivered per turn. */
export const HELD_BLOCK_BYTES = 64 * 1024;
/** Smallest `max_payload` for a fragment with its header. `argus nats config` writes this value. */
export const MAX_PAYLOAD_BYTES = 32_768;
/** A server with a smaller `max_payload` is refused: a full record would be cut into about a hundred pieces. */
export const MIN_PAYLOAD_BYTES = 1_024;
/** The messages of one turn are packed and written together, in batches of this size: a full record with its lines. */
export const BATCH_BYTES = 100 * 1024;
/** Unused batches that are kept for reuse: as many as two windows need. */
export const MAX_POOLED = 42;
/**
 * Largest read of a plain line. All lines read into the same memory: a little more than a record, so it stays in the
 * cache.
 */
export const SERVER_READ_BYTES = 128 * 1024;
/** Longest accepted line of a server: an INFO with the addresses of a large cluster. */
export const MAX_SERVER_LINE_BYTES = 32 * 1024;
/**
 * The server stalls a client that sends to a reader with more than half of this pending, and disconnects the reader at
 * this limit. It is far above the window, so neither happens to a sender that keeps to the window.
 */
export const MAX_PENDING_BYTES = 8 * WINDOW_BYTES;

/**
 * Environment for nats-server. The buffers that it makes for a stream are garbage after one use. By default Go collects
 * after each 4 MB of it, a hundred times a second, which takes nearly a third of the server's CPU at 1 764 bytes. With
 * this setting its heap grows to 32 MB, or to nine times its live data, between collections.
 */
export const SERVER_ENVIRONMENT: Readonly<Record<string, string>> = Object.freeze({ GOGC: '800' });

/** Time from dialling to the server's first PONG, TLS included. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** Interval of pings to a silent server. Two unanswered pings end the connection. */
export const SERVER_PING_MS = 10_000;
export const SERVER_PINGS_UNANSWERED = 2;
/** The broker dials a lost server again after this time, which doubles up to the maximum. */
export const FIRST_REDIAL_MS = 100;
export const MAX_REDIAL_MS = 5_000;
/** A pipe that is ending waits this long for the reader to take the queued bytes. */
export const LINGER_MS = 2_000;
/** The broker unsubscribes from a misbehaving domain for this time, so that the server drops its messages. */
export const PENALTY_MS = 1_000;
/** Validity of the server's certificate; `argus nats config` renews it when run in the last third. */
export const CERTIFICATE_DAYS = 365;
export const AUTHORITY_DAYS = 3_650;
/** Largest key file that is read: a seed has 58 bytes, a CA a few KiB. */
export const MAX_FILE_BYTES = 65_536;
/** The server answers a request of the bucket within this time, or the line ends. A missing bucket never answers. */
export const REQUEST_TIMEOUT_MS = 5_000;
/** The bucket holds two bundles of 20 MiB, one of them being written, and a row for each broker. */
export const BUCKET_BYTES = 64 * 1024 * 1024;
/** Room of JetStream on the server's disk: the bucket, and the file that a compaction writes next to it. */
export const JETSTREAM_BYTES = 2 * BUCKET_BYTES;
