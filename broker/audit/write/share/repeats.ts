/**
 * Events that a domain or a stranger can cause at will: the first few of a kind in a window are written one by one, the
 * rest of the window is counted, exactly.
 *
 * A kind is all that the record of the event would say, but for its session and its sums. Ports are chosen by the domain,
 * so an account has KINDS_PER_ACCOUNT kinds a window; what is beyond is counted per event and not written one by one.
 * A kind that its account cannot pay for is held like one that has had its prompt records.
 */
import type { AuditEvent } from '../../../record/index.ts';
import type { Moment } from '../../body.ts';
import { KINDS_PER_ACCOUNT, PROMPT_RECORDS_PER_WINDOW } from '../../limits.ts';
import type { LogAccount } from './log-accounts.ts';

/** One kind in this window. */
export interface Repeat {
  readonly account: LogAccount;
  /** Stands for many kinds of one event, so it has no record of its own. */
  readonly isMixed: boolean;
  /** Records that it may still cause before the window ends. */
  promptLeft: number;
  /** Held back since the window began, with their sums. */
  count: number;
  messages: number;
  bytes: number;
  ringBytes: number;
  /** The first of those held; stands for them all. */
  event: AuditEvent;
  at: Moment;
  /** When the last one happened, milliseconds since 1970. */
  until: number;
}

export class Repeats {
  readonly #kinds = new Map<LogAccount, Map<string, Repeat>>();
  readonly #held = new Set<string>();

  /** True: written when the window ends. False: to be written now, and paid. */
  hold(event: AuditEvent, at: Moment, account: LogAccount, pay: () => boolean): boolean {
    const kind = this.#kind(event, at, account);
    // Once one is held the window's rest is, so that the order within a kind stays.
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

  /** Is anything of the account of this name held? Without a name: of any account. */
  holds(name: string | undefined): boolean {
    return name === undefined ? this.#held.size > 0 : this.#held.has(name);
  }

  get empty(): boolean {
    return this.#kinds.size === 0;
  }

  /** Ends the window. Returns the kinds of which some were held. */
  turn(): readonly Repeat[] {
    const held = [...this.#kinds.values()].flatMap((kinds) => [...kinds.values()].filter(({ count }) => count > 0));
    this.#kinds.clear();
    this.#held.clear();
    return held;
  }

  #kind(event: AuditEvent, at: Moment, account: LogAccount): Repeat {
    let kinds = this.#kinds.get(account);
    if (kinds === undefined) {
      kinds = new Map();
      this.#kinds.set(account, kinds);
    }
    const name = kindOf(event);
    const isMixed = !kinds.has(name) && kinds.size >= KINDS_PER_ACCOUNT;
    // Names of kinds hold spaces, and names of events none.
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

/** Each session is named, as long as the share of the domain lasts; the broker itself slows down a domain that opens many. */
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
