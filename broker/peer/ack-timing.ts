/**
 * When an acknowledgement may wait for company.
 *
 * Every record to a peer wakes its process, and an acknowledgement alone does so for 12 bytes. It may wait in two cases,
 * both of which TCP has too (RFC 1122 §4.2.3.2):
 *
 *   conversation   Something was delivered to the peer between its last two records of sends, so this one probably asks
 *                  for a reply to ride on: ACK_DELAY_MS (Linux calls it pingpong mode).
 *   paced stream   The peer sends a record every few milliseconds, as audio does, and does not wait for each answer: one
 *                  acknowledgement for a few records, after PACED_ACK_DELAY_MS at the latest.
 *
 * Who waits for an acknowledgement before it sends on must not pay for this. If it sends on at once, its records come
 * closer together than PACE_MS and are never kept. If it pauses in between, or has a window of a few, it looks like a
 * paced stream that can do without an answer for longer. So that is tried out: an acknowledgement is kept for one record
 * more than is known to come without; if that comes, it is known, and if not, the next trial waits for twice as many
 * occasions. A refusal forgets what is known: sends behind it may be held back until all are answered.
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
  /** Records that the peer sends before it needs an answer, as far as is known. */
  #known = 1;
  /** Records that the paced acknowledgement is for, and those that it waits for. */
  #records = 0;
  #awaited = 0;
  /** Occasions before the next trial, and how many that were after the last one. */
  #untilTrial = FIRST_PACE_TRIAL;
  #trialAfter = FIRST_PACE_TRIAL;
  /** One for each delay: a timer that is armed again keeps its own. */
  #cancelRide: (() => void) | null = null;
  #cancelPace: (() => void) | null = null;

  /** `onDue`: what is owed need not wait any longer. */
  constructor(onDue: () => void, after: Clock['after']) {
    this.#onDue = onDue;
    this.#after = after;
  }

  /** Something is owed, and shall go even alone. */
  get isDue(): boolean {
    return this.#owed !== null && this.#state === 'due';
  }

  /** Something was delivered to the peer. */
  delivered(): void {
    this.#hasDelivered = true;
  }

  /** A send of the peer was refused. */
  refused(): void {
    this.#known = 1;
    this.#untilTrial = FIRST_PACE_TRIAL;
    this.#trialAfter = FIRST_PACE_TRIAL;
  }

  /** A record of sends came at `now` ms, which are to be acknowledged up to `through`. */
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

  /** Sends were decided elsewhere, up to `through`: who sent them has waited long enough. */
  decided(through: number): void {
    this.#owed = through;
    this.#due();
  }

  /** What is owed, which the caller sends now; null = nothing. */
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

  /** An occasion to wait: for as many records as are known, and now and then for one more. */
  #mayBePaced(): boolean {
    const isTrial = --this.#untilTrial <= 0;
    this.#records = 1;
    this.#awaited = isTrial ? this.#known + 1 : this.#known;
    return this.#awaited > 1;
  }

  /** The peer has sent on without the answer. */
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

  /** A timer is not stopped when what it was armed for is taken: what is owed by then has armed the other, or none. */
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
