/** Durations as people write them. The one grammar of options and files: a whole number and a unit. */

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 7 * 86_400_000],
]);

/** `500ms`, `90s`, `10m`, `2h`, `1d` or `1w` in milliseconds, above 0; null for anything else. */
export function parseDuration(text: string): number | null {
  const [, count = '', unit = ''] = /^(\d{1,9})([a-z]{1,2})$/.exec(text) ?? [];
  const milliseconds = Number(count) * (UNIT_MS.get(unit) ?? 0);
  return milliseconds > 0 && Number.isSafeInteger(milliseconds) ? milliseconds : null;
}
