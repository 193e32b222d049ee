/** Every number of the archive, with its unit and reason. */

/** Bytes of file content kept: 2 000 edits of a policy.csv of 100 KiB. Beyond it the oldest policies go, never the newest. */
export const MAX_ARCHIVE_BYTES = 256 * 1024 * 1024;
/** Revisions in the journal, 400 bytes each. Grants and expiries are revisions too. */
export const MAX_JOURNAL_ENTRIES = 100_000;
/** The share of revisions that stays when the journal is full: dropping one at a time would rewrite it with each change. */
export const JOURNAL_KEPT_SHARE = 0.75;
