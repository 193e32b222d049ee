/** How long each frame of the stream was under way: when chrome-vm sent the nth, and when audio-vm had it. */
export class StreamMeter {
  readonly #sent: number[] = [];
  readonly #heard: number[] = [];
  heardBytes = 0;

  /** Microseconds of a clock that both ends share, modulo 2^32, frame after frame. */
  sent(stamps: readonly number[]): void {
    this.#sent.push(...stamps);
  }

  /** `bytes`: of all frames so far. */
  heard(stamps: readonly number[], bytes: number): void {
    this.#heard.push(...stamps);
    this.heardBytes = bytes;
  }

  get heardFrames(): number {
    return this.#heard.length;
  }

  /** From all values: a demo's stream is short. */
  summary(): { readonly p50Micros: number; readonly p99Micros: number } {
    const pairs = Math.min(this.#sent.length, this.#heard.length);
    const delays = Array.from({ length: pairs }, (_, frame) => this.#delay(frame)).sort((a, b) => a - b);
    const at = (share: number): number => delays[Math.min(pairs - 1, Math.floor(pairs * share))] ?? 0;
    return { p50Micros: at(0.5), p99Micros: at(0.99) };
  }

  #delay(frame: number): number {
    // As a signed number of 32 bits: right across the turn of the clock.
    return Math.max(0, ((this.#heard[frame] ?? 0) - (this.#sent[frame] ?? 0)) | 0);
  }
}
