/** Ports: ranges as written in services.yaml, and the table that finds a port's class. */
import { MAX_PORT } from './limits.ts';

/** Both ends included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

const RANGE = /^(\d{1,10})-(\d{1,10})$/;

/** `4713` or `"5000-5099"`; null = neither. */
export function parsePortRange(value: number | string): PortRange | null {
  const match = typeof value === 'string' ? RANGE.exec(value) : null;
  if (typeof value === 'string' && match === null) return null;
  const from = typeof value === 'number' ? value : Number(match?.[1]);
  const to = typeof value === 'number' ? value : Number(match?.[2]);
  const valid = Number.isInteger(from) && Number.isInteger(to) && from >= 1 && from <= to && to <= MAX_PORT;
  return valid ? { from, to } : null;
}

export function formatPortRange({ from, to }: PortRange): string {
  return from === to ? String(from) : `${from}-${to}`;
}

/** Disjoint ranges, each with a value; a lookup is a binary search over two flat arrays. */
export class PortTable<T> {
  readonly #from: Float64Array;
  readonly #to: Float64Array;
  readonly #values: readonly T[];

  /** @param entries with disjoint ranges, in any order */
  constructor(entries: readonly { readonly range: PortRange; readonly value: T }[]) {
    const sorted = [...entries].sort((a, b) => a.range.from - b.range.from);
    this.#from = Float64Array.from(sorted, (entry) => entry.range.from);
    this.#to = Float64Array.from(sorted, (entry) => entry.range.to);
    this.#values = sorted.map((entry) => entry.value);
  }

  find(port: number): T | undefined {
    let low = 0;
    let high = this.#values.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const from = this.#from[middle] ?? 0;
      // Written so that NaN, which is neither below nor above, is never found.
      if (port >= from && port <= (this.#to[middle] ?? 0)) return this.#values[middle];
      if (port < from) high = middle - 1;
      else low = middle + 1;
    }
    return undefined;
  }
}
