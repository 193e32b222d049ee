/** Every number of the NATS carrier that we chose, with unit and reason. */

/**
 * Bytes that one end may have under way to the other, in each direction of a pipe. It is what the server may have to hold
 * for a reader that has stopped, and what a revocation can no longer reach; at 0.3 GB/s it covers 7 ms of round trip.
 * With 1 MiB a busy two-core host delivered a third less.
 */
export const WINDOW_BYTES = 2 * 1024 * 1024;
/** The reader gives credit back after this share of the window: four small messages per window filled. */
export const CREDIT_SHARE = 4;
/**
 * Bytes of one message over plain TCP: a full record is three. Larger ones are gathered in the server, which costs it memory
 * of their own; smaller ones cost every process a message's overhead more often. CPU per 1 764 bytes, both crossings, all
 * processes together, in one run with records of 64 KiB: 1.00 with 16 256, 0.94 with 32 640, 1.07 with 65 000.
 */
export const PLAIN_FRAGMENT_BYTES = 32_512;
/** The same over TLS: a full record is six, each, with the line before it, what one TLS record holds. */
export const TLS_FRAGMENT_BYTES = 16_256;
/** Bytes that wait for a paused reader are kept in blocks of this length, and one block is handed on in a turn. */
export const HELD_BLOCK_BYTES = 64 * 1024;
/** Smallest `max_payload` that carries a fragment with its header; what `argus nats config` writes. */
export const MAX_PAYLOAD_BYTES = 32_768;
/** A server that takes less than this is not used: a full record would be cut into about a hundred pieces. */
export const MIN_PAYLOAD_BYTES = 1_024;
/** Messages that one turn publishes are packed and written together, so many bytes at a time: a full record with its lines. */
export const BATCH_BYTES = 100 * 1024;
/** Pieces of BATCH_BYTES that are kept for the next to take: two windows' worth. */
export const MAX_POOLED = 42;
/** What a plain line reads at a time at most, into memory that all of them share: a record and a bit, so that it stays in the cache. */
export const SERVER_READ_BYTES = 128 * 1024;
/** Longest line of a server that is believed: an INFO with the addresses of a large cluster. */
export const MAX_SERVER_LINE_BYTES = 32 * 1024;
/**
 * The server stalls whoever sends to a reader with more than half of this pending, and cuts the reader at all of it: far
 * above what the window admits, so that neither ever happens to a sender that keeps the rules.
 */
export const MAX_PENDING_BYTES = 8 * WINDOW_BYTES;

/**
 * What nats-server should find in its environment. The buffers that it makes for a stream are garbage after one use; Go, left
 * to itself, collects at each 4 MB of it, a hundred times a second, which is nearly a third of the server's CPU at 1 764 bytes. So
 * told, it lets its heap grow to 32 MB, or to nine times what lives in it.
 */
export const SERVER_ENVIRONMENT: Readonly<Record<string, string>> = Object.freeze({ GOGC: '800' });

/** From dialling to the server's first PONG, TLS included. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** A server that says nothing is asked this often; two unanswered questions end the connection. */
export const SERVER_PING_MS = 10_000;
export const SERVER_PINGS_UNANSWERED = 2;
/** The broker dials a lost server again after this long; doubles up to the maximum. */
export const FIRST_REDIAL_MS = 100;
export const MAX_REDIAL_MS = 5_000;
/** How long a pipe that is ending waits for the reader to take what is queued. */
export const LINGER_MS = 2_000;
/** A domain that sends what it may not is not listened to for this long: the server then drops it, and not we. */
export const PENALTY_MS = 1_000;
/** Validity of the server's certificate; `argus nats config` renews it when run in the last third. */
export const CERTIFICATE_DAYS = 365;
export const AUTHORITY_DAYS = 3_650;
/** Longest key file that is read: a seed has 58 bytes, a CA a few KiB. */
export const MAX_FILE_BYTES = 65_536;
