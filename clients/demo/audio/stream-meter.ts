/** Measures the latency of each frame: from the time chrome-vm sent it to the time audio-vm received it. */
export class StreamMeter {
  readonly #sent: number[] = [];
  readonly #heard: number[] = [];
  heardBytes = 0;

  /** Microseconds of a clock that both ends share, modulo 2^32, frame after frame. */
  sent(stamps: readonly number[]): void {
    this.#sent.push(...stamps);
  }

  /** @param bytes of all frames so far */
  heard(stamps: readonly number[], bytes: number): void {
    this.#heard.push(...stamps);
    this.heardBytes = bytes;
  }

  get heardFrames(): number {
    return this.#heard.length;
  }

  /** Percentiles over all frames; a demo's stream is short. */
  summary(): { readonly p50Micros: number; readonly p99Micros: number } {
    const pairs = Math.min(this.#sent.length, this.#heard.length);
    const delays = Array.from({ length: pairs }, (_, frame) => this.#delay(frame)).sort((a, b) => a - b);
    const at = (share: number): number => delays[Math.min(pairs - 1, Math.floor(pairs * share))] ?? 0;
    return { p50Micros: at(0.5), p99Micros: at(0.99) };
  }

  #delay(frame: number): number {
    // Signed 32-bit arithmetic is right when the clock wraps.
    return Math.max(0, ((this.#heard[frame] ?? 0) - (this.#sent[frame] ?? 0)) | 0);
  }
}
