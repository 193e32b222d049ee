/** Printing and parsing that the commands about keys share. */
import { InvalidArgumentError, Option } from 'commander';
import { ROLES } from '../../../../keys/index.ts';

export function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** @returns seconds since 1970-01-01 UTC */
export function parseTime(text: string): number {
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text);
  const milliseconds = isDate ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(milliseconds))
    throw new InvalidArgumentError('expected a date or a time in UTC, as in 2027-01-31 or 2027-01-31T18:00Z.');
  return milliseconds / 1000;
}

/** In single quotes where a shell would read more into it. */
export function quoted(argument: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** For tables: to the minute. */
export function shortTime(seconds: number): string {
  return isoTime(seconds).slice(0, 16).replace('T', ' ');
}

export function roleOption(): Option {
  return new Option('--role <role>', 'what the holder is').choices(ROLES).default('domain');
}

export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
