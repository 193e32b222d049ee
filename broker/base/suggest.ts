/** "did you mean": the known word nearest to a mistyped one. */

/** Words farther away than this are other words, not slips. */
const MAX_DISTANCE = 2;
/** Suggestions are a courtesy; they must not make a load of many errors slow. */
const MAX_CANDIDATES = 5_000;

/** `, did you mean "@engineering"?` or nothing. */
export function didYouMean(word: string, known: Iterable<string>): string {
  let best = '';
  let bestDistance = MAX_DISTANCE + 1;
  let looked = 0;
  for (const candidate of known) {
    if (++looked > MAX_CANDIDATES) break;
    const distance = editDistance(word, candidate, bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  // A word of two letters is within two edits of every other one.
  return best !== '' && bestDistance < best.length - 1 ? `, did you mean "${best}"?` : '';
}

/** Optimal string alignment (a swap of neighbours is one edit); gives up with `limit` when it cannot get below. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || a.length > 128) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    if (Math.min(...row) >= limit) return limit;
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? limit;
}
