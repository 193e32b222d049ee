/**
 * The account that pays for the record of an event. Null: the operator or the broker caused it, so it is neither delayed
 * nor left out, however busy a domain keeps the log.
 */
import type { AuditEvent } from '../../../record/index.ts';
import type { LogAccount, LogAccounts } from './log-accounts.ts';

export function accountOf(event: AuditEvent, accounts: LogAccounts): LogAccount | null {
  switch (event.event) {
    case 'session.open':
    case 'session.close':
    // The domain whose entrance it is, whatever the hello claimed.
    case 'session.refused':
    case 'peer.fault':
    case 'ring.unregister':
      return accounts.of(event.src);
    case 'ring.register':
    case 'send.allowed':
      return accounts.of(event.by.source);
    // The receiver closed its ring; the sender did nothing.
    case 'send.undelivered':
      return accounts.of(event.by.destination);
    case 'key.incident':
      return accounts.keys;
    default:
      return null;
  }
}
