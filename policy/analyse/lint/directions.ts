/**
 * W-029: two rows that together let two domains send the same permission of a class to each other, although services.yaml
 * says that the class goes one way (`oneWay: true`).
 *
 * A row that names the same domains on both sides says so itself and is passed over. The later of two rows is reported,
 * because it is the one that opened the second direction.
 */
import {
  addBits,
  type Bits,
  emptyBits,
  hasBit,
  isEmptyBits,
  keepBits,
  membersOf,
  type Rule,
  removeBits,
} from '../../decide/index.ts';
import type { PolicyBuild } from '../../load/index.ts';
import type { RowCells } from '../row-cells.ts';

export class Directions {
  readonly #policy: PolicyBuild;
  readonly #cells: RowCells;
  /** The source kinds that earlier allow rows let reach a kind: by class and permission, then by that kind. */
  readonly #earlier = new Map<string, Map<number, Bits>>();

  constructor(policy: PolicyBuild, cells: RowCells) {
    this.#policy = policy;
    this.#cells = cells;
  }

  /** Looks at the rows in the order of the file. The message, with an example; null: nothing to say about this row. */
  messageOf(rule: Rule): string | null {
    const { serviceClass, effect } = rule.row;
    if (effect !== 'allow' || !serviceClass.oneWay) return null;
    let message: string | null = null;
    for (const slot of this.#cells.slots(rule)) message = this.#atSlot(rule, slot) ?? message;
    return message;
  }

  #atSlot(rule: Rule, slot: number): string | null {
    const sources = this.#cells.sources(rule);
    const destinations = this.#cells.destinations(rule);
    const key = `${rule.row.serviceClass.index} ${slot}`;
    const reached = this.#earlier.get(key) ?? new Map<number, Bits>();
    this.#earlier.set(key, reached);
    let message: string | null = null;
    for (const source of membersOf(sources)) {
      const back = reached.get(source)?.slice();
      if (message !== null || back === undefined) continue;
      keepBits(back, destinations);
      // The row itself allows both directions between these: it has the same domains on both sides.
      if (hasBit(destinations, source)) removeBits(back, sources);
      message = this.#example(rule, slot, source, back);
    }
    for (const destination of membersOf(destinations)) {
      const from = reached.get(destination) ?? emptyBits(this.#policy.examined.expansion.capacity);
      reached.set(destination, from);
      const others = sources.slice();
      if (hasBit(sources, destination)) removeBits(others, destinations);
      addBits(from, others);
    }
    return message;
  }

  /** Denials count: both directions must really be allowed. */
  #example({ row }: Rule, slot: number, source: number, back: Bits): string | null {
    const { expansion, placement, book } = this.#policy.examined;
    const { serviceClass } = row;
    const isAllowed = (from: number, to: number): boolean => expansion.isAllowed(from, to, serviceClass, slot);
    for (const other of isEmptyBits(back) ? [] : membersOf(back)) {
      if (other === source || !isAllowed(source, other) || !isAllowed(other, source)) continue;
      const [from, to] = [placement.members(source)[0]?.name, placement.members(other)[0]?.name];
      const first = book.index.rules.find(
        (earlier) =>
          earlier.row.effect === 'allow' &&
          earlier.row.serviceClass === serviceClass &&
          this.#cells.slots(earlier).includes(slot) &&
          hasBit(this.#cells.sources(earlier), other) &&
          hasBit(this.#cells.destinations(earlier), source) &&
          !(hasBit(this.#cells.sources(earlier), source) && hasBit(this.#cells.destinations(earlier), other)),
      );
      return `line ${first?.row.place.line} allows the other direction: ${serviceClass.name} goes one way, and ${from} and ${to} may send it to each other`;
    }
    return null;
  }
}
