/** Numbers that we chose for the sound card, with unit and reason. */

/** Samples that a guest may hand over or ask for in one chain, bytes. Linux has periods of at most 80 ms, 15 360 bytes. */
export const MAX_PERIOD_BYTES = 65_536;
/** Steps in which the card takes the sound of a guest, ms: the length of one message to the AudioVM. */
export const SOUND_STEP_MS = 10;
/** A stream without buffers for longer than this has run dry, ms. */
export const DRY_AFTER_MS = 10;
/** Silence before the first samples of a recording, ms: bears the jitter of two messages from the AudioVM. */
export const CAPTURE_DELAY_MS = 20;
/** Recorded sound that waits for the guest, ms. More has come from a faster clock, or while the guest was held up. */
export const MAX_CAPTURE_DELAY_MS = 200;
/** Entries of one query that the card answers; it has four or fewer of each kind. */
export const MAX_QUERY_ENTRIES = 16;
