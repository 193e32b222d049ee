/** Why a session did not start or has ended, in words that name the remedy. */
import type { ChannelFault } from '../../../broker/channel/index.ts';
import { type CloseWord, closeWord } from '../../../broker/wire/index.ts';
import { ArgusError, type ClientErrorCode } from '../errors.ts';

const CLOSES: Readonly<Record<CloseWord, readonly [ClientErrorCode, string]>> = Object.freeze({
  done: ['ERR_CLIENT_LOST', 'the broker closed the session'],
  shutdown: ['ERR_CLIENT_SHUTDOWN', 'the broker is shutting down; it can be reached again when it has restarted'],
  refused: [
    'ERR_CLIENT_REFUSED',
    'the broker refused the hello and says no more to a stranger; its log names the reason (argus audit tail)',
  ],
  credentialExpired: [
    'ERR_CLIENT_CREDENTIAL_EXPIRED',
    'this domain’s credential has expired; renew it (argus keys issue, then argus keys install)',
  ],
  credentialNotYetValid: [
    'ERR_CLIENT_CREDENTIAL_NOT_YET_VALID',
    'this domain’s credential is not valid yet; compare the clocks of this machine and of the broker’s ("date -u")',
  ],
  credentialForeign: [
    'ERR_CLIENT_CREDENTIAL_FOREIGN',
    'this domain’s credential is from another authority than the broker’s; enrol with the broker’s authority',
  ],
  credentialRevoked: [
    'ERR_CLIENT_CREDENTIAL_REVOKED',
    'this domain’s key was revoked or replaced by a newer one; make a new key and have it signed (argus keys enrol, issue, install)',
  ],
  wrongCarrier: [
    'ERR_CLIENT_WRONG_CARRIER',
    'this carrier belongs to another domain; connect to the one that domains.yaml gives to this domain',
  ],
  version: [
    'ERR_CLIENT_VERSION',
    'no common protocol version or suite; update the older of SDK and broker, and compare "suites" and "cloneSafe" of both',
  ],
  superseded: [
    'ERR_CLIENT_SUPERSEDED',
    'a newer session of the same domain took over; only one process per domain can be connected',
  ],
  fault: ['ERR_CLIENT_PROTOCOL', 'the broker says that this side broke the protocol'],
  removed: ['ERR_CLIENT_REMOVED', 'this domain is not, or no longer, in the broker’s inventory (domains.yaml)'],
  wrongHome: [
    'ERR_CLIENT_WRONG_HOME',
    'this domain is at home at another broker; connect to the one that domains.yaml names ("home:")',
  ],
  wrongBroker: [
    'ERR_CLIENT_BROKER_IDENTITY',
    'the broker at the other end is not the one that the option "broker" names; check it and the carrier',
  ],
});

/** Words of the broker after which coming to it again is of no use. */
const FINAL_WORDS: ReadonlySet<string> = new Set<ClientErrorCode>([
  'ERR_CLIENT_SUPERSEDED',
  'ERR_CLIENT_REMOVED',
  'ERR_CLIENT_WRONG_HOME',
]);

/**
 * The error for a close record.
 *
 * @param seal an unsealed one may come from anybody on the carrier, so its word is a hint and never final
 */
export function closeError(code: number | undefined, seal: 'sealed' | 'unsealed'): ArgusError {
  const word = closeWord(code);
  if (word === undefined) return new ArgusError('ERR_CLIENT_LOST', `the broker closed with the unknown code ${code}`);
  const [errorCode, message] = CLOSES[word];
  if (seal === 'unsealed' && FINAL_WORDS.has(errorCode))
    return new ArgusError('ERR_CLIENT_REFUSED', `${message} (said by the other end, without proof)`);
  return new ArgusError(errorCode, message);
}

/** After these reasons the client does not connect again by itself. */
export function isFinal(reason: ArgusError): boolean {
  return reason.code === 'ERR_CLIENT_CLOSED' || FINAL_WORDS.has(reason.code);
}

/** The error when the broker's welcome was not acceptable. */
export function handshakeError(fault: ChannelFault | null, broker: string | null): ArgusError {
  const expected = broker === null ? 'a broker of this domain’s authority' : `the broker "${broker}"`;
  return new ArgusError(
    'ERR_CLIENT_BROKER_IDENTITY',
    `what answered is not ${expected} (${fault}); check the carrier, the option "broker" and the installed authority`,
  );
}
