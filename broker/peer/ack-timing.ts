/**
 * Decides when an acknowledgement may wait for other frames to the same peer.
 *
 * Every record to a peer wakes its process. A record with only an acknowledgement does so for 12 bytes. So an
 * acknowledgement may wait in two cases, both of which TCP has too (RFC 1122 §4.2.3.2):
 *
 *   conversation   A message was delivered to the peer between its last two records of sends. So this record probably
 *                  asks for a reply, which can carry the acknowledgement: ACK_DELAY_MS (Linux calls it pingpong mode).
 *   paced stream   The peer sends a record every few milliseconds, as audio does, and does not wait for each answer: one
 *                  acknowledgement for a few records, after PACED_ACK_DELAY_MS at the latest.
 *
 * A sender that waits for each acknowledgement must not be slowed down. If it sends again at once, its records come
 * closer together than PACE_MS, and their acknowledgements are never delayed. If it pauses in between, or has a window
 * of a few records, it looks like a paced stream. So the broker finds out by trial how many records the sender sends
 * without an answer. A trial delays the acknowledgement by one record more than that known number. If the record comes,
 * the number grows. If not, the next trial waits for twice as many occasions. A refusal resets the number, because the
 * sender may hold back later sends until all are answered.
 */
import type { Clock } from '../base/index.ts';
import { ACK_DELAY_MS, FIRST_PACE_TRIAL, MAX_PACE_TRIAL, PACE_MS, PACED_ACK_DELAY_MS } from '../process/index.ts';

export class AckTiming {
  readonly #onDue: () => void;
  readonly #after: Clock['after'];
  #owed: number | null = null;
  #state: 'due' | 'rides' | 'paced' = 'due';
  #hasDelivered = false;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** Number of records that the peer is known to send before it needs an answer. */
  #known = 1;
  /** Number of records that the paced acknowledgement covers so far, and the number that it waits for. */
  #records = 0;
  #awaited = 0;
  /** Occasions left before the next trial, and the number at which that count started. */
  #untilTrial = FIRST_PACE_TRIAL;
  #trialAfter = FIRST_PACE_TRIAL;
  /** Each delay has its own timer. */
  #cancelRide: (() => void) | null = null;
  #cancelPace: (() => void) | null = null;

  /** `onDue` is called when the acknowledgement must not wait any longer. */
  constructor(onDue: () => void, after: Clock['after']) {
    this.#onDue = onDue;
    this.#after = after;
  }

  /** True when an acknowledgement is owed and must be sent even alone. */
  get isDue(): boolean {
    return this.#owed !== null && this.#state === 'due';
  }

  /** A message was delivered to the peer. */
  delivered(): void {
    this.#hasDelivered = true;
  }

  /** A send of the peer was refused. */
  refused(): void {
    this.#known = 1;
    this.#untilTrial = FIRST_PACE_TRIAL;
    this.#trialAfter = FIRST_PACE_TRIAL;
  }

  /** A record of sends came at `now` ms. The sends up to `through` must be acknowledged. */
  sent(through: number, now: number): void {
    const isApart = now - this.#sentAt >= PACE_MS;
    const isConversation = this.#hasDelivered;
    const before = this.#owed === null ? null : this.#state;
    this.#sentAt = now;
    this.#hasDelivered = false;
    this.#owed = through;
    if (before === 'due') return;
    if (before === 'paced') this.#paced(isApart);
    else if (isApart && this.#mayBePaced()) {
      this.#state = 'paced';
      this.#cancelPace?.();
      this.#cancelPace = this.#after(PACED_ACK_DELAY_MS, () => this.#overdue('paced'));
    } else if (isConversation) {
      this.#state = 'rides';
      this.#cancelRide?.();
      this.#cancelRide = this.#after(ACK_DELAY_MS, () => this.#overdue('rides'));
    } else this.#due();
  }

  /** A remote broker decided sends, so those up to `through` can be acknowledged. The sender has waited long enough. */
  decided(through: number): void {
    this.#owed = through;
    this.#due();
  }

  /** Returns the owed acknowledgement, which the caller sends now; null = none. */
  take(): number | null {
    const owed = this.#owed;
    this.#owed = null;
    return owed;
  }

  cancel(): void {
    this.#owed = null;
    this.#cancelRide?.();
    this.#cancelPace?.();
  }

  /** Starts an occasion to wait: for the known number of records, or in a trial for one more. */
  #mayBePaced(): boolean {
    const isTrial = --this.#untilTrial <= 0;
    this.#records = 1;
    this.#awaited = isTrial ? this.#known + 1 : this.#known;
    return this.#awaited > 1;
  }

  /** The peer has sent another record without the answer. */
  #paced(isApart: boolean): void {
    this.#records++;
    if (this.#records > this.#known) {
      this.#known = this.#records;
      this.#untilTrial = FIRST_PACE_TRIAL;
      this.#trialAfter = FIRST_PACE_TRIAL;
    }
    if (this.#records >= this.#awaited || !isApart) this.#due();
  }

  #due(): void {
    this.#state = 'due';
    this.#onDue();
  }

  /** `take` does not stop the timers. A late timer has no effect, unless the present debt waits for the same delay. */
  #overdue(state: 'rides' | 'paced'): void {
    if (this.#owed === null || this.#state !== state) return;
    if (state === 'paced') {
      this.#known = Math.min(this.#known, this.#records);
      this.#trialAfter = Math.min(this.#trialAfter * 2, MAX_PACE_TRIAL);
      this.#untilTrial = this.#trialAfter;
    }
    this.#due();
  }
}
