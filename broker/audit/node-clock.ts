/** The host's clock. An edge. Its timers do not keep the process alive: whoever owns the log closes it. */
import type { Clock } from './clock.ts';

export const nodeClock: Clock = {
  now: () => Date.now(),
  mono: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
