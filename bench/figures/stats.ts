/** Order statistics over samples: what the table prints is a median of rounds, what a round keeps is a percentile. */

/** Nearest-rank percentile (0 < q <= 1): always a value that was really measured, never an interpolation. NaN without samples. */
export function percentile(samples: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(samples).sort();
  const rank = Math.max(1, Math.ceil(q * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** Middle value; the mean of the two middle ones when their number is even. NaN without samples. */
export function median(samples: ArrayLike<number>): number {
  const sorted = Float64Array.from(samples).sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** `value / baseline`, or null where that says nothing: no baseline, or one of zero. */
export function ratio(value: number, baseline: number | undefined): number | null {
  if (baseline === undefined || !(baseline > 0) || !Number.isFinite(value)) return null;
  return value / baseline;
}
