/**
 * What domains and strangers can cause at will: collapsed in windows of FLOOD_WINDOW_MS, counted exactly, and the answers
 * to the cause of a flood, and to nobody else, wait with its records.
 */
import type { Denial } from '../../../policy/contract/index.ts';
import type { Clock } from '../../base/index.ts';
import type { AuditEvent, DenialContext } from '../../record/index.ts';
import { type Bodies, deniedEvent, type Moment } from '../body.ts';
import { encodeBody } from '../chain.ts';
import { FLOOD_WINDOW_MS } from '../limits.ts';
import { Collapse, type Tally } from './collapse.ts';
import type { Committer } from './committer.ts';
import { isRepeatable, Repeats } from './repeats.ts';
import type { Sealed, Unsealed, Waiter } from './sealed.ts';

export class Flood {
  readonly #committer: Committer;
  readonly #bodies: Bodies;
  readonly #clock: Clock;
  readonly #collapse = new Collapse();
  readonly #repeats = new Repeats();
  /** Wait for what is held until the window ends. */
  #waiting: Waiter[] = [];
  #cancel: (() => void) | null = null;

  constructor(committer: Committer, bodies: Bodies, clock: Clock) {
    this.#committer = committer;
    this.#bodies = bodies;
    this.#clock = clock;
  }

  /** False: the event is to be queued as any other. */
  holds(event: AuditEvent, at: Moment): boolean {
    if (!isRepeatable(event)) return false;
    if (this.#cancel === null) this.#arm();
    return this.#repeats.hold(event, at);
  }

  denied(denial: Denial, port: number | null, bytes: number, context: DenialContext): void {
    const tally = this.#collapse.tally(denial, port, context);
    const now = this.#clock.wall();
    if (tally.count === 0) this.#begin(tally, now);
    tally.count += 1;
    tally.bytes += bytes;
    tally.until = now;
  }

  /** Is a record of this domain (by name) held? Without a name: of any domain. */
  isHolding(source: string | undefined): boolean {
    return this.#collapse.holds(source) || this.#repeats.holds(source);
  }

  wait(waiter: Waiter): void {
    this.#waiting.push(waiter);
  }

  takeWaiters(): readonly Waiter[] {
    const waiters = this.#waiting;
    this.#waiting = [];
    return waiters;
  }

  /** Ends the window: what is held goes to the disk. */
  release(): void {
    this.#committer.queueCounts(this.#collapse.turn().map((tally) => this.#unsealed(tally)));
    for (const repeat of this.#repeats.turn()) {
      const body = this.#bodies.event(repeat.at, repeat.event, repeat);
      this.#committer.queue({ event: body.event, count: repeat.count, body: encodeBody(body) });
    }
    this.#committer.wait(this.takeWaiters());
  }

  /** No window ends by time any more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #begin(tally: Tally, now: number): void {
    tally.time = now;
    tally.mono = this.#clock.mono();
    if (this.#cancel === null) this.#arm();
    if (tally.promptLeft === 0) {
      this.#collapse.hold(tally);
      return;
    }
    tally.promptLeft -= 1;
    this.#committer.queueCounts([this.#unsealed(tally)]);
  }

  #unsealed(tally: Tally): Unsealed {
    return {
      get count() {
        return tally.count;
      },
      seal: () => this.#seal(tally),
    };
  }

  #seal(tally: Tally): Sealed {
    const { denial, port, context, count } = tally;
    const body = encodeBody(this.#bodies.denied(tally, denial, port, tally, context));
    tally.count = 0;
    tally.bytes = 0;
    return { event: deniedEvent(denial), count, body };
  }

  #arm(): void {
    this.#cancel = this.#clock.after(FLOOD_WINDOW_MS, () => {
      this.#cancel = null;
      // While nothing can be written the tuples go on counting: that is all the memory a flood gets.
      if (!this.#committer.isFailing) this.release();
      if (!this.#collapse.empty || !this.#repeats.empty) this.#arm();
    });
  }
}
