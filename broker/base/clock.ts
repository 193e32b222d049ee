/**
 * Time as an argument: all code that waits or measures takes a `Clock`, so that a test or the simulator can supply it.
 * A function that needs only one of the clocks takes `Clock['mono']` or `Clock['wall']`.
 */
export interface Clock {
  /** Milliseconds since 1970. It may step in both directions: for dates, never for durations. */
  readonly wall: () => number;
  /** Milliseconds since a fixed moment. It never goes back: for durations, ages and deadlines. */
  readonly mono: () => number;
  /** Runs `task` once after `delayMs`. Returns a function that cancels it. Cancelling twice or too late is harmless. */
  readonly after: (delayMs: number, task: () => void) => () => void;
}

/** The clock of the host. Its timers do not keep the process alive: the owner of a socket or a file does. */
export const nodeClock: Clock = Object.freeze({
  wall: () => Date.now(),
  mono: () => performance.now(),
  after: (delayMs: number, task: () => void) => {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
});
