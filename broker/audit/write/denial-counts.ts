/**
 * Denials that a `dontaudit` row keeps out of the log: one exact count for each decision, written once an interval.
 *
 * The monitor makes one Denial for each (source, destination, class, permission) of a revision, so the inventory bounds the
 * number of counts. The sender chooses the port, so the port is no part of the key: a count names its port while there is
 * only one. A count is dropped with its record. A repeated denial allocates nothing.
 */
import type { Denial } from '../../../policy/contract/index.ts';
import type { Clock } from '../../base/index.ts';
import type { CountedDenials } from '../body.ts';

type Count = { -readonly [Key in keyof CountedDenials]: CountedDenials[Key] };

export class DenialCounts {
  readonly #counts = new Map<Denial, Count>();
  /** Counts that are to be written, the oldest last. They grow until they are taken. */
  #due: Count[] = [];
  #mustPay = true;
  readonly #clock: Clock;
  readonly #pay: (denial: Denial) => boolean;

  /** @param pay may a record of this denial be written now? If not, the count goes on */
  constructor(clock: Clock, pay: (denial: Denial) => boolean = () => true) {
    this.#clock = clock;
    this.#pay = pay;
  }

  /** True when no count can become due. */
  get empty(): boolean {
    return this.#counts.size === 0;
  }

  get isDue(): boolean {
    return this.#due.length > 0;
  }

  add(denial: Denial, port: number | null, bytes: number, permissive: boolean): void {
    const now = this.#clock.wall();
    const known = this.#counts.get(denial);
    if (known === undefined) {
      const mono = this.#clock.mono();
      this.#counts.set(denial, {
        denial,
        port,
        permissive,
        bytes,
        mono,
        time: now,
        until: now,
        count: 1,
        manyPorts: false,
      });
      return;
    }
    known.count += 1;
    known.bytes += bytes;
    known.until = now;
    if (known.port !== port && !known.manyPorts) {
      known.port = null;
      known.manyPorts = true;
    }
  }

  /** Makes every count due. A count that is still due from the last time is in the map, too. */
  makeDue(which: 'paid' | 'all' = 'paid'): void {
    this.#mustPay = which === 'paid';
    this.#due = [...this.#counts.values()].reverse();
  }

  /** Takes at most `limit` due counts, with all denials up to now. */
  take(limit: number): readonly CountedDenials[] {
    const taken: CountedDenials[] = [];
    while (taken.length < limit) {
      const count = this.#due.pop();
      if (count === undefined) break;
      if (this.#mustPay && !this.#pay(count.denial)) continue;
      this.#counts.delete(count.denial);
      taken.push(count);
    }
    return taken;
  }
}
