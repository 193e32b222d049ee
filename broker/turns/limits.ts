/** Every number of the turns that we chose, with unit and reason. */

/** A unit is a nanosecond of CPU: see prices.ts. */
export const UNITS_PER_MS = 1_000_000;
/**
 * Units that a share may use at once when it did not wait: a whole read of 256 KiB of an honest stream costs about 600
 * 000 units, so such a stream is never interrupted. It is also the limit for all shares together at once in one turn of
 * the event loop.
 */
export const QUANTUM_UNITS = 1_000_000;
/**
 * Units that one turn of the event loop gives to the waiting shares. A domain without a backlog is served between two
 * turns, so this is the longest time that it waits for the others. The event loop itself costs a few per cent of it.
 */
export const SLICE_UNITS = 250_000;
