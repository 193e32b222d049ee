/**
 * How regularly one VM's sound arrives, and how far ahead of the loudspeaker it must therefore be kept.
 *
 *   burst    burst      burst           a guest's sound server hands over a burst every few ms, PipeWire every 42.7 ms
 *   |........|........ .|........
 *   earliest            latest          of a window: their distance is the jitter
 *
 * A new sound starts with `leadMs` of silence. So much may the next bursts be later than the first one without a gap. What was
 * measured outlives pauses, so the second sound of a VM starts with what the first one taught.
 */
import {
  BURST_GAP_MS,
  JITTER_WINDOW_MS,
  JITTER_WINDOWS,
  LEAD_BURST_SHARE,
  LEVEL_TOLERANCE_MS,
  MAX_LEAD_MS,
  MIN_LEAD_MS,
  PLAYBACK_REQUEST_MS,
  SEND_AHEAD_MS,
} from '../limits.ts';

interface Window {
  readonly startedAt: number;
  earliest: number;
  latest: number;
  /** The least that was still buffered when a burst came, ms. */
  level: number;
}

/** One part in so many of a new burst length enters the average. */
const SMOOTHING = 8;
/** A level that is too low is corrected from here on, ms. */
const LOW_TOLERANCE_MS = 4;

export class Jitter {
  /** Newest last; each within one sound. */
  readonly #windows: Window[] = [];
  #startedAt = 0;
  #isStarted = false;
  /** Sound that came since `#startedAt`, ms. */
  #media = 0;
  #lastAt = Number.NEGATIVE_INFINITY;
  #burst = 0;
  #burstMs = 0;

  /** The length of a burst, ms; 0 = nothing was measured yet. */
  get burstMs(): number {
    return this.#burstMs;
  }

  /** How much later than the earliest the latest burst was, ms. */
  get jitterMs(): number {
    return Math.max(0, ...this.#windows.map(({ earliest, latest }) => latest - earliest));
  }

  get leadMs(): number {
    // A sound server takes so much at a time that it must be there before it is heard.
    // An endpoint sends no more than SEND_AHEAD_MS at a time. What came as a longer burst had waited on its way, and the
    // next burst is not later for it.
    const burst = Math.min(SEND_AHEAD_MS, this.#burstMs);
    const lead = Math.max(MIN_LEAD_MS, burst * LEAD_BURST_SHARE, this.jitterMs + LEVEL_TOLERANCE_MS);
    return Math.min(MAX_LEAD_MS, lead + PLAYBACK_REQUEST_MS);
  }

  /** A new sound: its timing has no relation to the earlier sound. */
  restart(): void {
    this.#isStarted = false;
  }

  /**
   * `ms` of sound came at `now`, while `level` ms were buffered.
   *
   * @returns how much too high (above 0) or low the level was in the window that ends here, ms; 0 = it is right
   */
  arrive(ms: number, now: number, level: number): number {
    const isHead = !this.#isStarted || now - this.#lastAt > BURST_GAP_MS;
    this.#lastAt = now;
    if (!isHead) {
      this.#burst += ms;
      this.#media += ms;
      return 0;
    }
    if (this.#isStarted) {
      this.#burstMs += (this.#burst - this.#burstMs) / (this.#burstMs === 0 ? 1 : SMOOTHING);
    } else {
      this.#isStarted = true;
      this.#startedAt = now;
      this.#media = 0;
      this.#open(now);
    }
    const late = now - this.#startedAt - this.#media;
    this.#burst = ms;
    this.#media += ms;
    const window = this.#windows.at(-1);
    if (window === undefined) return 0;
    window.earliest = Math.min(window.earliest, late);
    window.latest = Math.max(window.latest, late);
    window.level = Math.min(window.level, level);
    if (now - window.startedAt < JITTER_WINDOW_MS) return 0;
    // The lead is bounded and the jitter is not: without the lower bound all sound that waits would be slipped away.
    const wanted = Math.max(LEVEL_TOLERANCE_MS + PLAYBACK_REQUEST_MS, this.leadMs - this.jitterMs);
    const error = window.level - wanted;
    this.#open(now);
    // Too much is late by a little; too little is nearly a gap.
    return error > LEVEL_TOLERANCE_MS || error < -LOW_TOLERANCE_MS ? error : 0;
  }

  /** The level was corrected: the earlier measurements are no longer valid. */
  levelled(now: number): void {
    if (this.#isStarted) this.#open(now);
  }

  #open(now: number): void {
    const { POSITIVE_INFINITY: none } = Number;
    this.#windows.push({ startedAt: now, earliest: none, latest: -none, level: none });
    if (this.#windows.length > JITTER_WINDOWS) this.#windows.shift();
  }
}
