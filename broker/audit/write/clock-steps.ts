/**
 * Detects that the wall clock was set: by an administrator, by NTP, or because the host slept (the monotonic clock
 * stops then). The time in a record is information only; `seq` gives the order. So a step gets a record of its own,
 * before the first record with the new time.
 */
import type { Clock } from '../../base/index.ts';
import { CLOCK_SLEW_PARTS, CLOCK_STEP_MS } from '../limits.ts';

export interface ClockStep {
  /** How far the wall clock moved ahead of the monotonic clock; negative: back. */
  readonly byMs: number;
  /** The time that the wall clock would show without the step, milliseconds since 1970. */
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

  /** Null: no step since the last call. A slew by NTP is not a step. */
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
