/**
 * How regularly one VM's sound arrives, and how far ahead of the loudspeaker it must therefore be kept.
 *
 *   burst    burst      burst           a guest's sound server hands over a burst every few ms, PipeWire every 42.7 ms
 *   |........|........ .|........
 *   earliest            latest          of a window: their distance is the jitter
 *
 * A new sound starts with `leadMs` of silence. So much may the next bursts be later than the first one without a gap. What was
 * measured outlives pauses, so the second sound of a VM starts with what the first one taught.
 *
 * The first burst of a sound is late without harm: the next bursts are then early, and wait. Programs, streams and sound
 * servers take a while to start, so it often is late. It counts as the earliest burst of its window, never as the latest.
 */
import {
  BURST_GAP_MS,
  JITTER_WINDOW_MS,
  JITTER_WINDOWS,
  LEAD_BURST_SHARE,
  LEVEL_TOLERANCE_MS,
  LEVEL_WINDOW_MS,
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
  /** Of the message before, ms. */
  #lastMs = 0;
  #headAt = 0;
  #burst = 0;
  #burstMs = 0;
  /** What the sound server takes at a time, ms. */
  #stepMs = PLAYBACK_REQUEST_MS;

  /** The length of a burst, ms; 0 = nothing was measured yet. */
  get burstMs(): number {
    return this.#burstMs;
  }

  /**
   * How much later than the earliest the latest burst was, ms; of the windows all but the worst. What happens once in half
   * a minute has had its gap already, if any, and is not paid for with the latency of all sounds after it.
   */
  get jitterMs(): number {
    let [worst, second] = [0, 0];
    for (const { earliest, latest } of this.#windows) {
      const jitter = latest - earliest; // -Infinity: no burst yet
      if (jitter > worst) [worst, second] = [jitter, worst];
      else if (jitter > second) second = jitter;
    }
    return this.#windows.length > 1 ? second : worst;
  }

  get leadMs(): number {
    const lead = Math.max(MIN_LEAD_MS, this.#burstMs * LEAD_BURST_SHARE, this.jitterMs + LEVEL_TOLERANCE_MS);
    // A sound server takes so much at a time that it must be there before it is heard.
    return Math.min(MAX_LEAD_MS, lead + this.#stepMs);
  }

  /** The lead of a sound of which `waiting` ms are there: what is there before the next burst is due is a lead already. */
  leadFor(waiting: number, now: number): number {
    const untilNext = Math.max(0, this.#burstMs - (now - this.#headAt));
    return Math.max(0, this.leadMs - Math.max(0, waiting - untilNext));
  }

  /** The sound server takes so much at a time, ms. A request of many small steps may be a little longer than was asked. */
  serveIn(stepMs: number): void {
    this.#stepMs = stepMs < 1.5 * PLAYBACK_REQUEST_MS ? PLAYBACK_REQUEST_MS : stepMs;
  }

  /** A new sound: its timing has no relation to the earlier sound. */
  restart(): void {
    this.#isStarted = false;
  }

  /**
   * `ms` of sound came at `now`, while `level` ms were buffered. In silence a level is corrected sooner: nobody hears it.
   *
   * @returns how much too high (above 0) or low the level was in the window that ends here, ms; 0 = it is right
   */
  arrive(ms: number, now: number, level: number, isSilence = false): number {
    const isHead = !this.#isStarted || this.#hasBurstEnded(now);
    this.#lastAt = now;
    this.#lastMs = ms;
    if (!isHead) {
      this.#burst += ms;
      this.#media += ms;
      return 0;
    }
    this.#headAt = now;
    if (!this.#isStarted) {
      this.#start(ms, now);
      return 0;
    }
    // An endpoint sends no more than SEND_AHEAD_MS at a time. What came as a longer burst had waited on its way, and the
    // next burst is not later for it.
    if (this.#burst <= SEND_AHEAD_MS)
      this.#burstMs += (this.#burst - this.#burstMs) / (this.#burstMs === 0 ? 1 : SMOOTHING);
    const window = this.#windows.at(-1);
    const late = now - this.#startedAt - this.#media;
    // No lead covers so much: the sound has ended, and goes on as another one.
    if (window === undefined || late - window.earliest > MAX_LEAD_MS) {
      this.#start(ms, now);
      return 0;
    }
    this.#burst = ms;
    this.#media += ms;
    window.earliest = Math.min(window.earliest, late);
    window.latest = Math.max(window.latest, late);
    window.level = Math.min(window.level, level);
    // The lead is bounded and the jitter is not: without the lower bound all sound that waits would be slipped away.
    const wanted = Math.max(LEVEL_TOLERANCE_MS + this.#stepMs, this.leadMs - this.jitterMs);
    const error = window.level - wanted;
    const age = now - window.startedAt;
    if (age < JITTER_WINDOW_MS) {
      // The level may still fall by the jitter. What is more than that is too much already.
      const excess = error - this.jitterMs;
      return isSilence && age >= LEVEL_WINDOW_MS && excess > LEVEL_TOLERANCE_MS / 2 ? excess : 0;
    }
    this.#open(now);
    // Too much is late by a little; too little is nearly a gap.
    return error > LEVEL_TOLERANCE_MS || error < -LOW_TOLERANCE_MS ? error : 0;
  }

  /** The level was corrected: the earlier measurements are no longer valid. */
  levelled(now: number): void {
    if (this.#isStarted) this.#open(now);
  }

  /** Messages of a burst come much faster than they are played. PulseAudio may send 2.5 ms of sound every 2.5 ms: no burst. */
  #hasBurstEnded(now: number): boolean {
    return now - this.#lastAt > Math.min(BURST_GAP_MS, this.#lastMs / 2);
  }

  #start(ms: number, now: number): void {
    this.#isStarted = true;
    this.#startedAt = now;
    this.#burst = ms;
    this.#media = ms;
    this.#open(now);
    const window = this.#windows.at(-1);
    if (window !== undefined) window.earliest = 0;
  }

  #open(now: number): void {
    const { POSITIVE_INFINITY: none } = Number;
    this.#windows.push({ startedAt: now, earliest: none, latest: -none, level: none });
    if (this.#windows.length > JITTER_WINDOWS) this.#windows.shift();
  }
}
