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
 * turns, so this is the longest time that it waits for the others, and a round trip waits four times. A slice of 250 us
 * gives a stream of 64-byte messages a quarter more, and an innocent round trip beside an attacker twice the p50
 * (docs/benchmarks.md).
 */
export const SLICE_UNITS = 100_000;
