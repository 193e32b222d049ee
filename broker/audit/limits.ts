/**
 * Every number of the audit log, with its unit and reason. The first block is fixed by the format, the second is ours.
 */

/** `prev` of the first record ever. */
export const ZERO_HASH = '0'.repeat(64);
/** Digits of a segment's number in its file name: sorts as text up to 10^8 segments (6 PB at the default size). */
export const SEGMENT_DIGITS = 8;
/** Hex digits of `sum`: enough to detect damage. It does not stop a forger (nor does a chain without signatures). */
export const SUM_HEX_DIGITS = 16;
/** Hex digits of a policy hash that a record carries: enough to find the archived revision. */
export const POLICY_PREFIX_DIGITS = 16;
/** One line; a longer one visibly loses its `detail`. Bounds the memory of a reader, even for a hostile log. */
export const MAX_LINE_BYTES = 256 * 1024;

/** Rotation: small enough to copy and to search by hand, large enough that a year is some hundred files. */
export const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;
/** A smaller total would remove each segment as soon as it is full. */
export const MIN_LOG_BYTES = 2 * DEFAULT_SEGMENT_BYTES;
/** Allowed sends are counted per flow this long. A kill -9 can lose the counts of this time (never denials). */
export const DEFAULT_FLOW_INTERVAL_MS = 10_000;
/** Flow records in one commit: some 2 MB, so that a denial that waits for the next commit waits for milliseconds. */
export const FLOWS_PER_COMMIT = 4_096;
/** Collapse window of a flood; a flooding sender waits at most this long for its answers. */
export const FLOOD_WINDOW_MS = 1_000;
/** Records of one (denial, port) that are committed at once in a window. The rest is counted until the window ends. */
export const PROMPT_RECORDS_PER_WINDOW = 8;
/**
 * Distinct tuples of one source in a window. The sender chooses the ports, so there must be a limit; beyond it, denials
 * share one tuple.
 */
export const TUPLES_PER_SOURCE = 256;
/** Kinds of one account that are counted separately in a window; the same number for the same reason. */
export const KINDS_PER_ACCOUNT = 256;
/**
 * Default share of the log of one domain, bytes an hour: 9 kB/s, some 18 records a second.
 * A busy domain of the demo writes a tenth of it. Ten domains that flood for a whole day write 7.5 GiB.
 */
export const DOMAIN_BYTES_PER_HOUR = 32 * 1024 * 1024;
/** A smaller share would not pay for one audit.withheld a second. */
export const MIN_DOMAIN_BYTES_PER_HOUR = 4 * 1024 * 1024;
/** A domain may write this fraction of an hour's share at once: 1/16. */
export const LOG_BURST_PARTS = 16;
/** Charged to a share before the length of a line is known. Most lines have half of it. */
export const RECORD_PRICE_BYTES = 1_024;
/** Bytes that seq, prev, sum and the newline add to a body, rounded up. */
export const LINE_FRAME_BYTES = 144;
/** A wall clock that is off by more than this has stepped. A smaller step is not worth a record. */
export const CLOCK_STEP_MS = 1_000;
/** NTP may slew a clock by 500 ppm (RFC 5905). Twice that is tolerated: 1/1000 of the elapsed time. */
export const CLOCK_SLEW_PARTS = 1_000;
/** Interval at which the broker looks for segments that retention removes. They are hours old, so nothing is urgent. */
export const UPKEEP_INTERVAL_MS = 3_600_000;
/** Bytes of a removed segment that are scanned at a time: 3 ms, in which no message is delivered. */
export const UPKEEP_PART_BYTES = 1024 * 1024;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** Interval of the attempts to write a failed log again. */
export const RETRY_MS = 1_000;
/** Records kept in memory (some 500 bytes each) while the disk fails or lags. Further records are only counted. */
export const MAX_RETAINED_RECORDS = 20_000;
/** Policy hashes remembered by revision: the one in force, and the few before it that permits may still name. */
export const REMEMBERED_REVISIONS = 16;
/** Chunk of reading, for verify, recovery and tail. */
export const READ_BYTES = 1024 * 1024;
/** Problems that verify lists; it counts the rest. A log overwritten with rubbish must not fill the memory. */
export const MAX_PROBLEMS = 1_000;
/** Ranges of missing numbers that verify remembers, to tell a moved record from an inserted one. */
export const MAX_MISSING_RANGES = 1_000;
/** Bytes that verify gives a worker at a time: some 8 000 records, 10 ms of work. */
export const VERIFY_PART_BYTES = 4 * 1024 * 1024;
/** For a smaller log, starting workers takes longer than the verification. */
export const VERIFY_WORKERS_BYTES = 32 * 1024 * 1024;
/** More workers would only wait for the disk. */
export const MAX_VERIFY_WORKERS = 8;
/**
 * A checkpoint is signed after this many new records, or after this time if there are any: the part without a
 * signature.
 */
export const CHECKPOINT_RECORDS = 65_536;
export const CHECKPOINT_INTERVAL_MS = 60_000;
/** The newest checkpoint is within this many bytes of the end of the checkpoint file. A note is some 250 bytes. */
export const CHECKPOINT_TAIL_BYTES = 64 * 1024;
/** Interval at which a following tail looks for new records. */
export const FOLLOW_POLL_MS = 200;
/** A witness that could not be reached is asked again after this time, if no checkpoint was signed before. */
export const WITNESS_RETRY_MS = 60_000;
/** A witness answers from memory and one write to its disk. */
export const WITNESS_ANSWER_MS = 5_000;
/** Logs that one witness remembers: the logs of its brokers, and the few that they began again. */
export const MAX_WITNESSED_LOGS = 1_024;
/** A request has at most 63 hashes and one note. */
export const MAX_WITNESS_REQUEST_BYTES = 128 * 1024;
/** The notes of MAX_WITNESSED_LOGS logs. */
export const MAX_WITNESS_ANSWER_BYTES = 1024 * 1024;
/** Each is shown every checkpoint, once a minute. */
export const MAX_WITNESSES = 16;
