/**
 * Notices that the wall clock was set: by an administrator, by NTP, or by the sleep of the host, in which the monotonic
 * clock stands still. Time in a record is information; its order is `seq`. So a step is a record of its own, before the
 * first record that is stamped by the new time.
 */
import type { Clock } from '../../base/index.ts';
import { CLOCK_SLEW_PARTS, CLOCK_STEP_MS } from '../limits.ts';

export interface ClockStep {
  /** By how much the wall clock went ahead of the monotonic clock; negative: back. */
  readonly byMs: number;
  /** What the wall clock would have shown, milliseconds since 1970. */
  readonly expected: number;
}

export class ClockSteps {
  readonly #clock: Clock;
  #wall: number;
  #mono: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wall = clock.wall();
    this.#mono = clock.mono();
  }

  /** Null: the clock went as it should since it was looked at last. NTP may slew it meanwhile, which is no step. */
  look(): ClockStep | null {
    const [wall, mono] = [this.#clock.wall(), this.#clock.mono()];
    const elapsed = mono - this.#mono;
    const expected = this.#wall + elapsed;
    this.#wall = wall;
    this.#mono = mono;
    const byMs = Math.round(wall - expected);
    return Math.abs(byMs) > CLOCK_STEP_MS + elapsed / CLOCK_SLEW_PARTS ? { byMs, expected } : null;
  }
}
