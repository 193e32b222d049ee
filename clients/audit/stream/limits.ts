/** The numbers of a stream, with their unit and reason. */

/** Records of one delivery. Some 500 KB: a second of a busy log, and a small part of it to send again. */
export const MAX_BATCH_RECORDS = 1_000;
/** Bytes of one delivery, unless a single record is longer. Receivers of OTLP accept 4 MiB and more. */
export const MAX_BATCH_BYTES = 1024 * 1024;
/** Interval at which new records are looked for. A syslog receiver sees at most one connection in this time. */
export const STREAM_POLL_MS = 1_000;
/** The first wait after a failed delivery. It doubles up to the maximum. */
export const FIRST_RETRY_MS = 500;
/** A receiver that comes back waits for its records no longer than this. */
export const MAX_RETRY_MS = 30_000;
/** A receiver may ask for a longer wait, up to this. */
export const MAX_WISH_MS = 600_000;
/** A delivery without an answer for this time has failed. */
export const DELIVERY_MS = 30_000;
/** Bytes of an answer that are read. An answer is some 100 bytes. */
export const MAX_ANSWER_BYTES = 64 * 1024;
/** Bytes of a certificate, a key or a file of headers. */
export const MAX_FILE_BYTES = 1024 * 1024;
/** Characters of a receiver's own words that are shown. */
export const MAX_SHOWN_TEXT = 200;
