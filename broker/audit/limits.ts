/** Every number of the audit log, with its unit and reason. The first block is fixed by the format, the second is ours. */

/** `prev` of the first record ever. */
export const ZERO_HASH = '0'.repeat(64);
/** Digits of a segment's number in its file name: sorts as text up to 10^8 segments (6 PB at the default size). */
export const SEGMENT_DIGITS = 8;
/** Hex digits of `sum`: it tells damage from a whole line, it does not resist a forger (nor does a bare chain). */
export const SUM_HEX_DIGITS = 16;
/** Hex digits of a policy hash that a record carries: enough to find the archived revision. */
export const POLICY_PREFIX_DIGITS = 16;
/** One line; a longer one loses its `detail`, visibly. Bounds the memory of whoever reads a log, hostile or not. */
export const MAX_LINE_BYTES = 256 * 1024;

/** Rotation: small enough to copy and to search by hand, large enough that a year is some hundred files. */
export const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;
/** Allowed sends are counted per flow this long; also what a kill -9 can cost in counts (never in denials). */
export const DEFAULT_FLOW_INTERVAL_MS = 10_000;
/** Flow records in one commit: some 2 MB, so that a denial that waits for the next commit waits for milliseconds. */
export const FLOWS_PER_COMMIT = 4_096;
/** Collapse window of a flood; a flooding sender waits at most this long for its answers. */
export const FLOOD_WINDOW_MS = 1_000;
/** Records of one (denial, port) that are committed at once in a window, before the rest is counted to its end. */
export const PROMPT_RECORDS_PER_WINDOW = 8;
/** Distinct tuples of one source in a window; ports are chosen by the sender, so beyond it they share one tuple per denial. */
export const TUPLES_PER_SOURCE = 256;
/** Kinds of one account told apart in a window; the same number for the same reason. */
export const KINDS_PER_ACCOUNT = 256;
/**
 * The share of the log of one domain, bytes an hour, unless the operator says otherwise: 9 kB/s, some 18 records a second.
 * A busy domain of the demo writes a tenth of it. Ten domains that flood for a whole day write 7.5 GiB.
 */
export const DOMAIN_BYTES_PER_HOUR = 32 * 1024 * 1024;
/** Less would not pay for one audit.withheld a second. */
export const MIN_DOMAIN_BYTES_PER_HOUR = 4 * 1024 * 1024;
/** The part of an hour's share that may be written at once: one of so many. */
export const LOG_BURST_PARTS = 16;
/** Taken from a share before a line is known: most lines have half of it. */
export const RECORD_PRICE_BYTES = 1_024;
/** What seq, prev, sum and the newline add to a body, rounded up. */
export const LINE_FRAME_BYTES = 144;
/** A wall clock that is off by more has stepped; less is not worth a record. */
export const CLOCK_STEP_MS = 1_000;
/** NTP may slew a clock by 500 ppm (RFC 5905), twice that much is allowed for: one of so many parts of the time elapsed. */
export const CLOCK_SLEW_PARTS = 1_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** How often a log that cannot be written tries again. */
export const RETRY_MS = 1_000;
/** Records kept in memory (some 500 bytes each) while the disk fails or lags; beyond it they are counted. */
export const MAX_RETAINED_RECORDS = 20_000;
/** Policy hashes remembered by revision: what is in force and the few before it that permits may still name. */
export const REMEMBERED_REVISIONS = 16;
/** Chunk of reading, for verify, recovery and tail. */
export const READ_BYTES = 1024 * 1024;
/** Problems that verify lists; it counts the rest. A log overwritten with rubbish must not fill the memory. */
export const MAX_PROBLEMS = 1_000;
/** Ranges of missing numbers that verify remembers, to tell a moved record from an inserted one. */
export const MAX_MISSING_RANGES = 1_000;
/** What verify hands to a worker at a time: some 8 000 records, 10 ms of work. */
export const VERIFY_PART_BYTES = 4 * 1024 * 1024;
/** Below it starting workers takes longer than looking. */
export const VERIFY_WORKERS_BYTES = 32 * 1024 * 1024;
/** More than this waits for the disk. */
export const MAX_VERIFY_WORKERS = 8;
/** A checkpoint is signed after so many new records, or after so long if there is one: how much the chain alone covers. */
export const CHECKPOINT_RECORDS = 65_536;
export const CHECKPOINT_INTERVAL_MS = 60_000;
/** The newest checkpoint is within so many bytes of the end of the checkpoint file: a note is some 250 bytes. */
export const CHECKPOINT_TAIL_BYTES = 64 * 1024;
/** How often a following tail looks for news. */
export const FOLLOW_POLL_MS = 200;
