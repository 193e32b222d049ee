/**
 * Refused sessions and peer faults in a flood: the first few of a kind are written one by one, the rest of the window is
 * counted. Whoever can reach a socket can cause them, without any credential, so they must not fill the disk.
 *
 * A kind is (event, source, reason); a source has a name or none, reasons are codes of ours, so there are few. Beyond
 * MAX_KINDS, which only a bug would reach, the kinds of an event share one.
 */

import type { AuditEvent } from '../../record/index.ts';
import type { Moment } from '../body.ts';
import { MAX_KINDS, PROMPT_RECORDS_PER_WINDOW } from '../limits.ts';

/** What anybody can cause at will. */
export type Repeatable = Extract<AuditEvent, { readonly event: 'session.refused' | 'peer.fault' }>;

export function isRepeatable(event: AuditEvent): event is Repeatable {
  return event.event === 'session.refused' || event.event === 'peer.fault';
}

/** One kind in this window. */
export interface Repeat {
  promptLeft: number;
  /** Held back since the window began. */
  count: number;
  /** The first of those held; stands for them all. */
  event: Repeatable;
  at: Moment;
  /** When the last one happened, milliseconds since 1970. */
  until: number;
}

export class Repeats {
  readonly #kinds = new Map<string, Repeat>();
  readonly #heldSources = new Set<string>();

  /** True: written when the window ends. False: to be written now. */
  hold(event: Repeatable, at: Moment): boolean {
    const kind = this.#kind(event, at);
    if (kind.promptLeft > 0) {
      kind.promptLeft -= 1;
      return false;
    }
    if (kind.count === 0) {
      kind.event = event;
      kind.at = at;
      this.#heldSources.add(event.src?.name ?? '');
    }
    kind.count += 1;
    kind.until = at.time;
    return true;
  }

  /** Is anything of this source (by name) held? Without a name: of anybody. */
  holds(source: string | undefined): boolean {
    return source === undefined ? this.#heldSources.size > 0 : this.#heldSources.has(source);
  }

  get empty(): boolean {
    return this.#kinds.size === 0;
  }

  /** Ends the window. Returns the kinds of which some were held. */
  turn(): readonly Repeat[] {
    const held = [...this.#kinds.values()].filter(({ count }) => count > 0);
    this.#kinds.clear();
    this.#heldSources.clear();
    return held;
  }

  #kind(event: Repeatable, at: Moment): Repeat {
    const name = `${event.event} ${event.src?.name ?? '-'} ${event.reason}`;
    const key = this.#kinds.has(name) || this.#kinds.size < MAX_KINDS ? name : event.event;
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      // The shared kind prompts nothing: what goes there is already beyond measure.
      kind = { promptLeft: key === name ? PROMPT_RECORDS_PER_WINDOW : 0, count: 0, event, at, until: at.time };
      this.#kinds.set(key, kind);
    }
    return kind;
  }
}
