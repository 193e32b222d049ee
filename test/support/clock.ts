/**
 * A clock that stands still until a test advances it, with the timers that depend on it.
 *
 * Timers fire in the order of their due time. Timers of one instant fire in the order in which they were set. Each
 * reads exactly its due time from `now()`, so the results of a test do not depend on the size of its steps.
 */

import type { Clock } from '../../broker/base/index.ts';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

export class FakeClock implements Clock {
  /** Monotonic. */
  #nowMs: number;
  /** Sum of all steps of the wall clock. */
  #steppedMs = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /** `startMs` is not 0, so that tests fail when code confuses a time with a duration. */
  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  /** Milliseconds since 1970. All readings are bound functions, so they can be passed as arguments. */
  readonly wall = (): number => this.#nowMs + this.#steppedMs;
  readonly mono = (): number => this.#nowMs;
  /** Another name of `wall`, for code with only one clock. */
  readonly now = this.wall;

  /** Runs `task` once, `delayMs` from now; returns the function that cancels it. */
  readonly after = (delayMs: number, task: () => void): (() => void) => {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, task };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  /** Another name of `after`. */
  readonly schedule = this.after;

  /** Timers that are set and have not fired: 0 after a clean shutdown. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Advances the time and fires all timers that become due, including timers that other timers set. */
  advance(milliseconds: number): void {
    if (milliseconds < 0) throw new RangeError(`a clock does not run backwards: "${milliseconds}"`);
    const target = this.#nowMs + milliseconds;
    for (let timer = this.#nextDue(target); timer !== undefined; timer = this.#nextDue(target)) {
      this.#timers.delete(timer);
      this.#nowMs = timer.dueMs;
      timer.task();
    }
    this.#nowMs = target;
  }

  /** Steps the wall clock without advancing time, as an administrator or NTP does. Timers are not affected. */
  step(milliseconds: number): void {
    this.#steppedMs += milliseconds;
  }

  #nextDue(target: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > target) continue;
      if (next === undefined || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order)) {
        next = timer;
      }
    }
    return next;
  }
}

/** A clock for turns in which no share ever rests: a minute passes between two looks. */
export function restlessClock(): Pick<Clock, 'mono' | 'after'> {
  let now = 0;
  return {
    mono: () => {
      now += 60_000;
      return now;
    },
    after: () => {
      throw new Error('nobody rests here');
    },
  };
}
