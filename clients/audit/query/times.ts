/** Words for moments, as `ausearch -ts` has them, and ISO 8601. All in UTC, as the records are. Pure. */
import { parseDuration } from '../../../broker/base/index.ts';

const DAY_MS = 86_400_000;
const RECENT_MS = 600_000;
const MONDAY = 1;

/** The times that a person can write, for messages. */
export const TIME_WORDS =
  'now, recent, today, yesterday, this-week, week-ago, this-month, month-ago, 30m, 12h, 7d, 2026-11-20 or 2026-11-20T12:00Z';

/** Milliseconds since 1970; null: not a moment. */
export function parseTime(text: string, now: number): number | null {
  const day = now - (now % DAY_MS);
  const date = new Date(now);
  switch (text) {
    case 'now':
      return now;
    case 'recent':
      return now - RECENT_MS;
    case 'today':
      return day;
    case 'yesterday':
      return day - DAY_MS;
    case 'this-week':
      return day - ((date.getUTCDay() + 7 - MONDAY) % 7) * DAY_MS;
    case 'week-ago':
      return now - 7 * DAY_MS;
    case 'this-month':
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
    case 'month-ago':
      return now - 30 * DAY_MS;
  }
  const ago = parseDuration(text.replace(/^-/, ''));
  if (ago !== null) return now - ago;
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z?)?$/.test(text)) return null;
  const time = Date.parse(text.includes('T') && !text.endsWith('Z') ? `${text}Z` : text);
  return Number.isNaN(time) ? null : time;
}
