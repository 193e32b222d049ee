/**
 * Identical denials become one record with an exact count, and a flood becomes at most a few records a window.
 *
 * A tuple is (Denial object, port, context object). Denials of one tuple within one commit share a record. After
 * PROMPT_RECORDS_PER_WINDOW of them a tuple is *held*: it keeps counting, and its record is written when the window
 * ends. The sender chooses the ports, and not every Denial is interned, so a source is limited to TUPLES_PER_SOURCE
 * tuples a window. Further denials share one held tuple, without a port, per destination, class, permission and reason;
 * the inventory bounds the number of those. Every denial is in exactly one tuple's count.
 *
 * A repeated denial allocates nothing: two map reads and three additions.
 */
import type { Denial } from '../../../../policy/contract/index.ts';
import type { DenialContext } from '../../../record/index.ts';
import { PROMPT_RECORDS_PER_WINDOW, TUPLES_PER_SOURCE } from '../../limits.ts';

/** The count of one tuple since its last record. */
export class Tally {
  readonly denial: Denial;
  readonly port: number | null;
  readonly context: DenialContext;
  /** The tally counts many ports of one Denial. */
  readonly manyPorts: boolean;
  /** Number of records that it may still write before the window ends. */
  promptLeft: number;
  /** 0 = nothing counted, and in no queue. */
  count = 0;
  bytes = 0;
  /** Times of the first and last counted denial, milliseconds since 1970; of the first also since the start. */
  time = 0;
  mono = 0;
  until = 0;
  /** The next tally with the same Denial and port but another context. */
  next: Tally | null = null;

  constructor(denial: Denial, port: number | null, context: DenialContext, manyPorts: boolean) {
    this.denial = denial;
    this.port = port;
    this.context = context;
    this.manyPorts = manyPorts;
    this.promptLeft = manyPorts ? 0 : PROMPT_RECORDS_PER_WINDOW;
  }
}

/** Key of the inner map for a denial without a port. */
const NO_PORT = -1;

export class Collapse {
  readonly #tallies = new Map<Denial, Map<number, Tally>>();
  /** Tuples without a port, for sources that have used up their own tuples. */
  readonly #shared = new Map<string, Tally>();
  /** Number of tuples of each source, by its name, in this window. */
  readonly #tuples = new Map<string, number>();
  #held: Tally[] = [];
  readonly #heldSources = new Set<string>();

  /** The tuple's tally in this window. */
  tally(denial: Denial, port: number | null, context: DenialContext): Tally {
    const first = this.#tallies.get(denial)?.get(port ?? NO_PORT);
    for (let tally = first ?? null; tally !== null; tally = tally.next) if (tally.context === context) return tally;
    return this.#begin(denial, port, context);
  }

  /** Holds a tally until the window ends. */
  hold(tally: Tally): void {
    this.#held.push(tally);
    this.#heldSources.add(tally.denial.source.name);
  }

  /** Is a tally of this source (by name) held? Without a name: of any source. */
  holds(source: string | undefined): boolean {
    return source === undefined ? this.#held.length > 0 : this.#heldSources.has(source);
  }

  get empty(): boolean {
    return this.#tallies.size === 0;
  }

  /** Ends the window and clears all tallies. Returns the held ones, to be written now. */
  turn(): readonly Tally[] {
    const held = this.#held;
    this.#held = [];
    this.#heldSources.clear();
    this.#tallies.clear();
    this.#shared.clear();
    this.#tuples.clear();
    return held;
  }

  #begin(denial: Denial, port: number | null, context: DenialContext): Tally {
    const source = denial.source.name;
    const tuples = this.#tuples.get(source) ?? 0;
    if (tuples >= TUPLES_PER_SOURCE) return this.#share(denial, context);
    this.#tuples.set(source, tuples + 1);
    const ports = this.#tallies.get(denial) ?? new Map<number, Tally>();
    this.#tallies.set(denial, ports);
    const tally = new Tally(denial, port, context, false);
    tally.next = ports.get(port ?? NO_PORT) ?? null;
    ports.set(port ?? NO_PORT, tally);
    return tally;
  }

  /** Names hold no space, so the joined key is unambiguous. Slower than a tuple's lookup, but not on the hot path. */
  #share(denial: Denial, context: DenialContext): Tally {
    const { source, destination, className, permission, reason, revision } = denial;
    const permissive = context.permissive === true;
    const key = `${source.name} ${destination.name} ${className} ${permission} ${reason} ${revision} ${permissive}`;
    let tally = this.#shared.get(key);
    if (tally === undefined) {
      tally = new Tally(denial, null, context, true);
      this.#shared.set(key, tally);
    }
    return tally;
  }
}
