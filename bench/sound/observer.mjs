/**
 * Watches one processor: it is woken every two milliseconds with the highest priority there is, and writes a line for each
 * time that was late. Whatever else runs there then stood still as well.
 *
 * Lines: the time of the late wake-up (ms since the epoch), and by how much it was late (ms).
 */
import { writeSync } from 'node:fs';

const PERIOD_MS = 2;
const LATE_MS = 3;
const LAPS_PER_LOOK = 500;
const STDOUT = 1;
const never = new Int32Array(new SharedArrayBuffer(4));
const parent = process.ppid;

writeSync(STDOUT, 'watching\n');
for (let lap = 1, before = performance.now(); ; lap++) {
  Atomics.wait(never, 0, 0, PERIOD_MS);
  const now = performance.now();
  const lateMs = now - before - PERIOD_MS;
  if (lateMs > LATE_MS) writeSync(STDOUT, `${(performance.timeOrigin + now).toFixed(1)} ${lateMs.toFixed(1)}\n`);
  if (lap % LAPS_PER_LOOK === 0 && process.ppid !== parent) process.exit();
  before = performance.now();
}
