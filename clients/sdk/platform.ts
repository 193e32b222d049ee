/** Time, randomness and the event loop in one place, so that a test can replace all of them. */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Ephemeral } from '../../keys/index.ts';

export interface Platform {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC, for credentials. */
  wallClock(): number;
  /** Cryptographic. */
  randomBytes(length: number): Uint8Array;
  /** Makes the key pair of one handshake; absent = OpenSSL's own randomness. */
  readonly ephemeral?: (() => Ephemeral) | undefined;
  /** Uniform in [0, 1); only spreads reconnects. */
  random(): number;
  /** Runs `task` once after `delayMs`; returns a function that cancels it. */
  schedule(delayMs: number, task: () => void): () => void;
  /** Runs `task` once after the current burst; all frames sent until then share a record. */
  defer(task: () => void): void;
}

export const NODE_PLATFORM: Platform = Object.freeze<Platform>({
  now: () => performance.now(),
  wallClock: () => Date.now(),
  randomBytes: (length) => randomBytes(length),
  random: () => Math.random(),
  schedule(delayMs, task) {
    // The timer keeps the process alive, because a process that waits for its broker has not finished.
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
  // The check phase follows the poll phase that brought the request, so a reply waits for nothing; a microtask would
  // cut a burst of sends that awaits in between into a record each.
  defer: (task) => void setImmediate(task),
});
