/**
 * A clock that stands still until a test advances it, with the timers that depend on it.
 *
 * Timers fire in the order of their due time, those of one instant in the order in which they were set, and each sees
 * `now()` at exactly its due time: what a test observes does not depend on the size of its steps.
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
  /** By how much the wall clock was set. */
  #steppedMs = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /** `startMs` is deliberately not 0, so that code which confuses a time with a duration shows. */
  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  /** Milliseconds since 1970; all readings are bound, so they can be handed over as they are. */
  readonly wall = (): number => this.#nowMs + this.#steppedMs;
  readonly mono = (): number => this.#nowMs;
  /** The name of `wall` for code that knows one clock only. */
  readonly now = this.wall;

  /** Runs `task` once, `delayMs` from now; returns the function that cancels it. */
  readonly after = (delayMs: number, task: () => void): (() => void) => {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, task };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  /** The name of `after` for code that has no other. */
  readonly schedule = this.after;

  /** Timers that are set and have not fired: 0 after a clean shutdown. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves time on and fires what falls due on the way, timers set by timers included. */
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

  /** Moves the wall clock without letting time pass: an administrator or NTP set it. Timers keep their distance. */
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
