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
 * turns, so this is the longest time that it waits for the others. A round trip waits four times, so a quarter of a
 * millisecond was felt: the p50 beside one attacker fell from 2.6-8.7 to 0.9-1.6 times that without one. The event
 * loop itself costs about a tenth of a slice.
 */
export const SLICE_UNITS = 100_000;
