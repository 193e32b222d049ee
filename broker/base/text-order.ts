/**
 * Order of two texts by their UTF-16 code units: the same on every machine, and 0 only for equal texts. `localeCompare`
 * is neither; it takes texts that differ in control characters for equal.
 */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
