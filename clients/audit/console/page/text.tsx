/** How values read on the page. Names and reasons may be hostile: nothing here makes markup, and what is invisible is shown. */
import type { Rec } from '../answers.ts';

/** Control, formatting and bidirectional characters as escapes, so that a name cannot pass for another. */
export function plain(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (one) => `\\u${(one.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

export function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

const COUNT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export function count(value: number): string {
  return value < 10_000 ? String(value) : COUNT.format(value);
}

/** `1 domain`, `3 domains` */
export function counted(value: number, what: string): string {
  return `${count(value)} ${what}${value === 1 ? '' : 's'}`;
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [size, unit] = [value, 0];
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** Messages a second. */
export function rate(perSecond: number): string {
  return `${perSecond === 0 || perSecond >= 10 ? count(Math.round(perSecond)) : perSecond.toFixed(1)} msg/s`;
}

export function clockTime(ms: number): string {
  return ms > 0 ? new Date(ms).toISOString().replace('T', ' ').slice(0, 19) : '–';
}

/** A value as the question grammar takes it. */
export function quoted(value: string): string {
  return /^[\w@.:/-]+$/.test(value) && !/^(or|and|not|in)$/i.test(value)
    ? value
    : `"${value.replace(/["\\]/g, '\\$&')}"`;
}

export function partyOf(record: Rec, side: 'src' | 'dst'): string {
  return plain(member(record[side], 'domain') ?? '');
}

/** One line: who did what to whom, and what was said to it. */
export function summaryOf(record: Rec): string {
  const [src, dst] = [partyOf(record, 'src'), partyOf(record, 'dst')];
  const port = record.port === undefined ? '' : `:${plain(record.port)}`;
  const who = dst === '' ? src : `${src} → ${dst}${port}`;
  const what = record.class === undefined ? '' : `${plain(record.class)}:${plain(record.permission)}`;
  const much = record.messages === undefined ? '' : `${count(Number(record.messages))} messages`;
  const times = record.count === undefined ? '' : `×${count(Number(record.count))}`;
  return [who, what, plain(record.reason ?? ''), much, times].filter((part) => part !== '').join('  ');
}
