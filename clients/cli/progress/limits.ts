/** Limits of the progress line; all are choices of ours. */

/** Milliseconds without output after which a person wonders whether the command works. */
export const QUIET_MS = 1_000;
/** Milliseconds between two paintings: smooth enough to read, and little work. */
export const REPAINT_MS = 250;
/** Columns of a terminal that does not know its size and says 0. */
export const DEFAULT_COLUMNS = 80;
