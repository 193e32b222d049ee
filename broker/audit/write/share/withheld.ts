/** Exact counts of the events of a window that were not written because the share of their cause was used up. */
import type { AuditEventName } from '../../../record/index.ts';
import type { Moment } from '../../body.ts';
import type { LogAccount } from './log-accounts.ts';

/** The part of the record about one kind of event. */
interface WithheldKind {
  count: number;
  messages: number;
  /** Payload bytes. */
  bytes: number;
}

export interface WithheldSum {
  readonly account: LogAccount;
  readonly kinds: Map<AuditEventName, WithheldKind>;
  count: number;
  /** Times of the first and last event, milliseconds since 1970; of the first also since the start. */
  readonly time: number;
  readonly mono: number;
  until: number;
}

export class Withheld {
  /** One sum per account: the domains of the inventory, strangers, and keys. */
  readonly #sums = new Map<LogAccount, WithheldSum>();

  add(account: LogAccount, event: AuditEventName, of: WithheldKind, at: Moment, until: number): void {
    let sum = this.#sums.get(account);
    if (sum === undefined) {
      sum = { account, kinds: new Map(), count: 0, time: at.time, mono: at.mono, until };
      this.#sums.set(account, sum);
    }
    const kind = sum.kinds.get(event) ?? { count: 0, messages: 0, bytes: 0 };
    sum.kinds.set(event, kind);
    kind.count += of.count;
    kind.messages += of.messages;
    kind.bytes += of.bytes;
    sum.count += of.count;
    sum.until = until;
    account.withheld += of.count;
  }

  /** Ends the window. */
  turn(): readonly WithheldSum[] {
    const sums = [...this.#sums.values()];
    this.#sums.clear();
    return sums;
  }
}
