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
 * gives a stream of 64-byte messages a quarter more, and an innocent round trip next to an attacker twice the p50
 * (docs/benchmarks.md).
 */
export const SLICE_UNITS = 100_000;
/** The name of the share that pays for all carriers without a domain, until the other end has authenticated. */
export const STRANGERS = 'strangers on TCP';
/** Idle work that a share may do at once: a thousand questions in a record each, or five thousand in one. */
export const BURST_UNITS = 10 * UNITS_PER_MS;
/** What a share may do of idle work in the long run. */
export interface IdleLimit {
  /** The part of one core. */
  readonly part: number;
  /**
   * How many times a piece counts that cannot be divided (a handshake): everybody waits for all of it, where they wait
   * for a slice of other work at most.
   */
  readonly pieceWeight: number;
}
/**
 * How many times a session that ended with a fault counts: a sound domain makes no faults, and a handshake follows each.
 * A domain that makes them again and again has a session every two seconds.
 */
export const FAULT_WEIGHT = 40;
/** A domain: a handshake at once, one more after it, and then three a second. */
export const DOMAIN_IDLE: IdleLimit = Object.freeze({ part: 0.02, pieceWeight: 8 });
/** All strangers together: after a restart all domains on TCP come as strangers at once, 250 a second. */
export const STRANGERS_IDLE: IdleLimit = Object.freeze({ part: 0.2, pieceWeight: 1 });
/** A remote broker, which speaks for all domains of its host. */
export const FEDERATION_IDLE: IdleLimit = Object.freeze({ part: 0.1, pieceWeight: 1 });
/** A share rests at least so long, milliseconds: it must not wake the broker for each piece of work. */
export const REST_MS = 5;
