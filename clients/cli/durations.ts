/** Options that take a duration. */
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../broker/base/index.ts';

/** The longest wait of a timer of Node's; a longer one would end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** @throws InvalidArgumentError */
export function parseMilliseconds(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === null)
    throw new InvalidArgumentError(`"${text}" is no duration like 500ms, 90s, 10m, 2h, 1d or 1w`);
  return milliseconds;
}

/** For a timer. @throws InvalidArgumentError */
export function parseTimeout(text: string): number {
  const milliseconds = parseMilliseconds(text);
  if (milliseconds > MAX_TIMER_MS) throw new InvalidArgumentError(`"${text}" is longer than 24 days`);
  return milliseconds;
}

/** Whole seconds. @throws InvalidArgumentError */
export function parseSeconds(text: string): number {
  const seconds = parseMilliseconds(text) / 1_000;
  if (!Number.isInteger(seconds)) throw new InvalidArgumentError(`"${text}" is no whole number of seconds`);
  return seconds;
}
