/**
 * The time by which records grow old. Pure.
 *
 * A wall clock that steps forward must not make a whole log old at once. So a step during a run does not count: this
 * clock starts with the wall clock and runs with the monotonic one. A step backward only keeps records longer.
 */
import type { Clock } from '../../../base/index.ts';

export function steadyWall(clock: Clock): () => number {
  const [wall, mono] = [clock.wall(), clock.mono()];
  return () => Math.min(clock.wall(), wall + clock.mono() - mono);
}
