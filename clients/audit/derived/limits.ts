/** The numbers of an index, with their unit and reason. */

/** Lines in one transaction: some 2 s of work, which is lost when the command is interrupted. */
export const LINES_PER_COMMIT = 500_000;
/** The last line is remembered by so many bytes. Every record is shorter. */
export const TAIL_BYTES = 256 * 1024;
/** Attempts to open an index that another command has open, and the pause between two. Together 2 s. */
export const LOCK_ATTEMPTS = 20;
export const LOCK_PAUSE_MS = 100;
/**
 * Records are read one by one through the index if they are fewer than this part of all: reading one by its place costs
 * about as much as scanning 20.
 */
export const SCAN_PARTS = 20;
/** `argus audit index --follow` looks at the length of the log this often. */
export const INDEX_POLL_MS = 200;
/** Batches that are read while the database writes: 130 000 lines, the work of half a second, in 25 MB. */
export const BATCHES_AHEAD = 64;
/** Places of so many records are asked for before they are counted: to count them takes as long as to find them. */
export const FEW_PLACES = 20_000;
