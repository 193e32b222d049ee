/** The limits that the SDK chose, with unit and reason. Limits of the format are in broker/wire. */

/**
 * Spare plaintext chunks kept for reuse even with a small `queueBytes`; the session's own frames need as many in a
 * burst.
 */
export const MIN_SPARE_BUFFERS = 4;
/** Sealed bytes the carrier may hold before packing goes on without writing: a few records keep the pipe full. */
export const CONGESTED_BYTES = 256 * 1024;
/** Read buffer of a socket: several records per system call, so that few straddle two reads. */
export const READ_BUFFER_BYTES = 256 * 1024;

/** Read buffer of a serial port: the kernel hands out at most a page per read. */
export const SERIAL_READ_BYTES = 16 * 1024;
/** A read on a serial port without a host returns at once; one that waits longer than this has a host. */
export const SERIAL_PROBE_MS = 20;

/** Frame bytes of outstanding sends: default and range of the option `queueBytes`. */
export const DEFAULT_QUEUE_BYTES = 8 * 1024 * 1024;
export const MIN_QUEUE_BYTES = 64 * 1024;
export const MAX_QUEUE_BYTES = 1024 * 1024 * 1024;
/** Outstanding sends of any size; each costs about 0.2 KiB, plus its promise if the caller uses it. */
export const MAX_OUTSTANDING_SENDS = 65_536;
/** Requests (register, resolve, notify …) that wait for their answer. */
export const MAX_OUTSTANDING_REQUESTS = 4096;

/** From dialling to the broker's welcome; a loaded host verifies signatures in milliseconds. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;
/** `close()` waits this long for pending sends. */
export const DEFAULT_DRAIN_TIMEOUT_MS = 5_000;
export const MAX_TIMEOUT_MS = 3_600_000;
/** Longest deadline of a send, the limit of Node's timers (2^31 - 1 ms, about 24 days). */
export const MAX_DEADLINE_MS = 2 ** 31 - 1;

/** Nothing heard for this long: the session is dead. Default and least value of the option `silenceLimitMs`. */
export const DEFAULT_SILENCE_LIMIT_MS = 45_000;
export const MIN_SILENCE_LIMIT_MS = 300;
/** Nothing sent for this part of it: ping, so that three pings are unanswered when a session is given up. */
export const PINGS_PER_SILENCE = 3;
/** Looks at the clock in that time. */
export const CHECKS_PER_SILENCE = 9;

/** A renewed credential is noticed within this time. The look reads one small file. */
export const CREDENTIAL_CHECK_MS = 30_000;

/** Looks at the end of the own credential for each term: ten of them fall into the third in which it is renewed. */
export const RENEWAL_LOOKS = 30;
export const MIN_RENEWAL_LOOK_MS = 1_000;
export const MAX_RENEWAL_LOOK_MS = 3_600_000;
/** `expiring` is told once a day: a person has to do something, and a listener may send a mail. */
export const EXPIRY_NOTICE_MS = 86_400_000;
/** Two renewed credentials of the largest size. */
export const RENEWAL_RING_BYTES = 32_768;

/** Reconnecting: the first wait is drawn from 0 … 100 ms, the range doubles up to 10 s (full jitter). */
export const BACKOFF_FIRST_MS = 100;
export const BACKOFF_MAX_MS = 10_000;
/** After a session that lasted this long, the next loss starts from the first wait again. */
export const BACKOFF_RESET_AFTER_MS = 10_000;

/** A blocked flow tries again after this long even if no `space` event came. */
export const EAGAIN_RETRY_MS = 1_000;
/** After EBUSY no `space` event follows, because the broker had no room to note the request. */
export const EBUSY_RETRY_MS = 100;
/** Messages sent again at once when a flow first resumes; doubles with each batch that is accepted whole. */
export const FIRST_RESUME_WINDOW = 8;
export const MAX_RESUME_WINDOW = 4096;
/** Frame bytes without an outcome in an open flow: some ten full records, more than the way there and back holds. */
export const DEFAULT_FLOW_WINDOW_BYTES = 1024 * 1024;
export const MIN_FLOW_WINDOW_BYTES = 1024;
/** Bytes of a stream in one message: it shares its record with small ones. */
export const STREAM_PIECE_BYTES = 65_536;
/** For a request and its reply, unless the caller says otherwise, ms. */
export const DEFAULT_REQUEST_DEADLINE_MS = 10_000;
/** Idle flows kept before they are swept. */
export const MAX_IDLE_FLOWS = 1024;

/** Consumed ring bytes are returned at the latest after this many … */
export const CREDIT_BATCH_BYTES = 64 * 1024;
/** … or this share of the ring … */
export const CREDIT_RING_SHARE = 4;
/** … or this long after they were consumed: a lone message does not cost a record of its own at once. */
export const CREDIT_DELAY_MS = 5;
/**
 * Consumed room leaves with the next record of any kind, but not twice within this time. So in a conversation no record
 * carries credit alone, which would wake the broker in the middle of a round trip; and of many records few carry some.
 */
export const CREDIT_RIDE_MS = 1;
