/**
 * The expansion: every row written out over kinds, as bit sets.
 *
 * For a class, a permission and a source kind it answers at once which destination kinds are allowed. Assertions, the
 * linter, `why`, `diff` and `flow` read it, and the decider holds each answer of Casbin against it. It is made once for a set
 * of files.
 *
 * Rows with the same source, class, permission and effect are one group: a bit set of the destination kinds they name. A
 * source kind allows what the allow groups of its subjects name, except for what its deny groups name. The answer is made
 * when it is first asked for; source kinds with the same groups share it.
 *
 * A grant may bring a new kind. There is room for a few: `grow` sets its bit wherever it belongs, which a revision that has
 * no domain of this kind does not notice.
 */
import type { ServiceClass } from '../contract/index.ts';
import type { Work } from '../read/index.ts';
import { addBits, type Bits, emptyBits, hasBit, removeBits, setBit } from './bits.ts';
import type { Kinds } from './kinds.ts';
import type { RowGroup, RuleIndex } from './rule-index.ts';

/** Kinds that are added before the sets have to be made again, larger. */
const SPARE_KINDS = 64;

interface Combined {
  readonly groups: readonly RowGroup[];
  readonly bits: Bits;
}

export class Expansion {
  /** Kinds that the sets have room for. */
  readonly capacity: number;
  readonly #kinds: Kinds;
  readonly #index: RuleIndex;
  /** Kinds that are in it. */
  #size = 0;
  readonly #none: Bits;
  /** Kinds that have a subject. */
  readonly #members = new Map<string, Bits>();
  /** By number of the group: the destination kinds it names. */
  readonly #destinations: Bits[] = [];
  /** Destination subject -> the groups that name it. */
  readonly #naming = new Map<string, RowGroup[]>();
  /** [source kind][slot] */
  readonly #allowed: ((Bits | undefined)[] | undefined)[] = [];
  readonly #combined = new Map<string, Combined>();

  private constructor(index: RuleIndex, kinds: Kinds) {
    this.#index = index;
    this.#kinds = kinds;
    this.capacity = kinds.size + SPARE_KINDS;
    this.#none = emptyBits(this.capacity);
  }

  static *build(index: RuleIndex, kinds: Kinds): Work<Expansion> {
    const expansion = new Expansion(index, kinds);
    for (const group of index.groups) {
      expansion.#destinations.push(emptyBits(expansion.capacity));
      for (const subject of group.destinations) {
        const naming = expansion.#naming.get(subject);
        if (naming === undefined) expansion.#naming.set(subject, [group]);
        else naming.push(group);
      }
      yield;
    }
    while (expansion.#size < kinds.size) {
      expansion.#addMember(expansion.#size++);
      yield;
    }
    for (const group of index.groups) {
      const bits = expansion.#destinations[group.number] ?? expansion.#none;
      for (const subject of group.destinations) addBits(bits, expansion.members(subject));
      yield;
    }
    return expansion;
  }

  /** Takes in kinds that have been added since. False when the room does not suffice. */
  grow(): boolean {
    if (this.#kinds.size > this.capacity) return false;
    while (this.#size < this.#kinds.size) {
      const kind = this.#size++;
      this.#addMember(kind);
      for (const subject of this.#kinds.subjects[kind] ?? []) {
        for (const { number } of this.#naming.get(subject) ?? [])
          setBit(this.#destinations[number] ?? this.#none, kind);
      }
      for (const { groups, bits } of this.#combined.values()) if (this.#allows(groups, kind)) setBit(bits, kind);
    }
    return true;
  }

  /** Kinds that have the subject: a label, `@any`, `broker`, or the name of a domain that a row uses. */
  members(subject: string): Bits {
    return this.#members.get(subject) ?? this.#none;
  }

  /** Destination kinds to which a source kind is allowed this permission of the class. Not to be changed by the caller. */
  allowed(source: number, serviceClass: ServiceClass, position: number): Bits {
    let slots = this.#allowed[source];
    if (slots === undefined) {
      slots = this.#expand(source);
      this.#allowed[source] = slots;
    }
    return slots[this.#index.slotOf(serviceClass, position)] ?? this.#none;
  }

  isAllowed(source: number, destination: number, serviceClass: ServiceClass, position: number): boolean {
    return hasBit(this.allowed(source, serviceClass, position), destination);
  }

  #addMember(kind: number): void {
    for (const subject of this.#kinds.subjects[kind] ?? []) {
      let bits = this.#members.get(subject);
      if (bits === undefined) {
        bits = emptyBits(this.capacity);
        this.#members.set(subject, bits);
      }
      setBit(bits, kind);
    }
  }

  /** All slots of one source kind. */
  #expand(source: number): (Bits | undefined)[] {
    const bySlot: (RowGroup[] | undefined)[] = [];
    for (const subject of this.#kinds.subjects[source] ?? []) {
      for (const group of this.#index.groupsOf(subject)) {
        const groups = bySlot[group.slot];
        if (groups === undefined) bySlot[group.slot] = [group];
        else groups.push(group);
      }
    }
    return Array.from(bySlot, (groups) => (groups === undefined ? undefined : this.#combine(groups)));
  }

  #combine(groups: readonly RowGroup[]): Bits {
    const [only] = groups;
    if (groups.length === 1 && only?.effect === 'allow') return this.#destinations[only.number] ?? this.#none;
    const key = groups.map(({ number }) => number).join();
    const known = this.#combined.get(key);
    if (known !== undefined) return known.bits;
    const bits = emptyBits(this.capacity);
    const named = (group: RowGroup): Bits => this.#destinations[group.number] ?? this.#none;
    for (const group of groups) if (group.effect === 'allow') addBits(bits, named(group));
    for (const group of groups) if (group.effect === 'deny') removeBits(bits, named(group));
    this.#combined.set(key, { groups, bits });
    return bits;
  }

  #allows(groups: readonly RowGroup[], kind: number): boolean {
    let isAllowed = false;
    for (const { number, effect } of groups) {
      if (!hasBit(this.#destinations[number] ?? this.#none, kind)) continue;
      if (effect === 'deny') return false;
      isAllowed = true;
    }
    return isAllowed;
  }
}
