/** Percentiles of latencies, from all values: a demo's stream is short. */
export class LatencyHistogram {
  readonly #values: number[] = [];

  /** Microseconds. */
  add(micros: number): void {
    this.#values.push(micros);
  }

  summary(): { readonly p50Micros: number; readonly p99Micros: number } {
    const sorted = [...this.#values].sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { p50Micros: at(0.5), p99Micros: at(0.99) };
  }
}
