/**
 * The account that pays for the record of an event. Null: the operator or the broker caused the event. Its record is
 * never delayed or omitted, even while a domain floods the log.
 */
import type { AuditEvent } from '../../../record/index.ts';
import type { LogAccount, LogAccounts } from './log-accounts.ts';

export function accountOf(event: AuditEvent, accounts: LogAccounts): LogAccount | null {
  switch (event.event) {
    case 'session.open':
    case 'session.close':
    case 'session.key':
    // The domain that the listener belongs to, not the one that the hello claimed.
    case 'session.refused':
    case 'peer.fault':
    case 'ring.unregister':
      return accounts.of(event.src);
    case 'ring.register':
    case 'send.allowed':
      return accounts.of(event.by.source);
    // The receiver pays: it closed its ring. The sender did not cause this.
    case 'send.undelivered':
      return accounts.of(event.by.destination);
    case 'key.incident':
      return accounts.keys;
    default:
      return null;
  }
}
