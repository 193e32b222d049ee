/**
 * Events that a domain or a stranger can cause at will. The first few of a kind in a window are written one by one; the
 * others are counted exactly.
 *
 * Two events are of one kind if their records would differ only in the session and the sums. The domain chooses the
 * ports, so an account is limited to KINDS_PER_ACCOUNT kinds a window. Events beyond that are counted by event name
 * only. A kind that its account cannot pay for is held, like one that has used up its prompt records.
 */
import type { Permit } from '../../../../policy/contract/index.ts';
import type { AuditEvent } from '../../../record/index.ts';
import type { Moment } from '../../body.ts';
import { KINDS_PER_ACCOUNT, PROMPT_RECORDS_PER_WINDOW } from '../../limits.ts';
import type { LogAccount } from './log-accounts.ts';

/** One kind in this window. */
export interface Repeat {
  readonly account: LogAccount;
  /** Counts many kinds of one event, so it has no record of its own. */
  readonly isMixed: boolean;
  /** Number of records that it may still write before the window ends. */
  promptLeft: number;
  /** Number of events held since the window began, and their sums. */
  count: number;
  messages: number;
  bytes: number;
  ringBytes: number;
  /** The first held event, as the example for all of them. */
  event: AuditEvent;
  at: Moment;
  /** Time of the last event, milliseconds since 1970. */
  until: number;
}

export class Repeats {
  readonly #kinds = new Map<LogAccount, Map<string, Repeat>>();
  /** The kinds of sends, by permit and port, without the mixed ones: a send that is repeated needs no name. */
  readonly #sends = new Map<Permit, Map<number, Repeat>>();
  readonly #held = new Set<string>();

  /** True: the event is held until the window ends. False: it is paid, and must be written now. */
  hold(event: AuditEvent, at: Moment, account: LogAccount, pay: () => boolean): boolean {
    const kind = this.#kind(event, at, account);
    // Once one event is held, all later ones of the window are held too. That keeps the order within a kind.
    if (kind.promptLeft > 0 && kind.count === 0 && pay()) {
      kind.promptLeft -= 1;
      return false;
    }
    if (kind.count === 0) {
      kind.event = event;
      kind.at = at;
      this.#held.add(account.name);
    }
    kind.count += 1;
    kind.messages += 'messages' in event ? event.messages : 0;
    kind.bytes += event.event === 'send.allowed' ? event.bytes : 0;
    kind.ringBytes += event.event === 'send.undelivered' ? event.ringBytes : 0;
    kind.until = at.time;
    return true;
  }

  /** Is an event of the account with this name held? Without a name: of any account. */
  holds(name: string | undefined): boolean {
    return name === undefined ? this.#held.size > 0 : this.#held.has(name);
  }

  get empty(): boolean {
    return this.#kinds.size === 0;
  }

  /** Ends the window. Returns the kinds with held events. */
  turn(): readonly Repeat[] {
    const held = [...this.#kinds.values()].flatMap((kinds) => [...kinds.values()].filter(({ count }) => count > 0));
    this.#kinds.clear();
    this.#sends.clear();
    this.#held.clear();
    return held;
  }

  #kind(event: AuditEvent, at: Moment, account: LogAccount): Repeat {
    if (event.event !== 'send.allowed') return this.#named(event, at, account);
    const known = this.#sends.get(event.by)?.get(event.port);
    if (known !== undefined) return known;
    const kind = this.#named(event, at, account);
    if (!kind.isMixed) {
      const ports = this.#sends.get(event.by) ?? new Map<number, Repeat>();
      this.#sends.set(event.by, ports.set(event.port, kind));
    }
    return kind;
  }

  #named(event: AuditEvent, at: Moment, account: LogAccount): Repeat {
    let kinds = this.#kinds.get(account);
    if (kinds === undefined) {
      kinds = new Map();
      this.#kinds.set(account, kinds);
    }
    const name = kindOf(event);
    const isMixed = !kinds.has(name) && kinds.size >= KINDS_PER_ACCOUNT;
    // Names of kinds contain spaces and names of events do not, so the keys cannot collide.
    const key = isMixed ? event.event : name;
    let kind = kinds.get(key);
    if (kind === undefined) {
      const promptLeft = isMixed ? 0 : promptRecords(event);
      kind = { account, isMixed, promptLeft, count: 0, messages: 0, bytes: 0, ringBytes: 0, event, at, until: at.time };
      kinds.set(key, kind);
    }
    return kind;
  }
}

/**
 * Each session gets a record, as long as the share of the domain lasts. A domain cannot flood the log with them,
 * because the broker slows down a domain that opens many sessions.
 */
function promptRecords({ event }: AuditEvent): number {
  const isPaced = event === 'session.open' || event === 'session.close';
  return isPaced ? Number.POSITIVE_INFINITY : PROMPT_RECORDS_PER_WINDOW;
}

/** The event of a held kind: the first, with the sums of all. */
export function summed({ event, messages, bytes, ringBytes }: Repeat): AuditEvent {
  if (event.event === 'send.undelivered') return { ...event, messages, ringBytes };
  return event.event === 'send.allowed' ? { ...event, bytes } : event;
}

function kindOf(event: AuditEvent): string {
  const by = 'by' in event ? event.by : undefined;
  const src = by?.source ?? ('src' in event ? event.src : null);
  const dst = by?.destination ?? ('dst' in event ? event.dst : null);
  const what = by === undefined ? '' : `${by.className} ${by.permission} ${by.revision}`;
  const port = 'port' in event ? event.port : '';
  const size = event.event === 'ring.register' ? event.ringBytes : '';
  const key = event.event === 'key.incident' ? `${event.detail?.name} ${event.detail?.key}` : '';
  const reason = 'reason' in event ? event.reason : '';
  return `${event.event} ${src?.name ?? '-'} ${dst?.name ?? '-'} ${what} ${port} ${size} ${key} ${reason}`;
}
