/** The SDK's errors: one class; `code` tells them apart. */
import { CodedError } from '../../broker/base/index.ts';
import { type Status, type StatusWord, statusWord } from '../../broker/wire/index.ts';

/** Each is explained in docs/sdk.md; a test holds the two together. */
export const CLIENT_ERROR_CODES = [
  // the caller's or the operator's mistake, before anything is sent
  'ERR_CLIENT_OPTION',
  'ERR_CLIENT_CARRIER',
  // no session came about
  'ERR_CLIENT_UNREACHABLE',
  'ERR_CLIENT_HANDSHAKE_TIMEOUT',
  'ERR_CLIENT_REFUSED',
  'ERR_CLIENT_CREDENTIAL_EXPIRED',
  'ERR_CLIENT_CREDENTIAL_NOT_YET_VALID',
  'ERR_CLIENT_CREDENTIAL_FOREIGN',
  'ERR_CLIENT_CREDENTIAL_REVOKED',
  'ERR_CLIENT_WRONG_CARRIER',
  'ERR_CLIENT_VERSION',
  'ERR_CLIENT_BROKER_IDENTITY',
  'ERR_CLIENT_ABORTED',
  // a session ended
  'ERR_CLIENT_LOST',
  'ERR_CLIENT_SHUTDOWN',
  'ERR_CLIENT_SUPERSEDED',
  'ERR_CLIENT_REMOVED',
  'ERR_CLIENT_WRONG_HOME',
  'ERR_CLIENT_PROTOCOL',
  'ERR_CLIENT_STREAM',
  'ERR_CLIENT_RENEWAL',
  'ERR_CLIENT_CLOSED',
] as const;

export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number];
/** Argo's status words for operations, `ERR_CLIENT_…` for the session. */
export type ArgusErrorCode = Exclude<StatusWord, 'OK'> | ClientErrorCode;

/**
 * The fate of the message: `refused` by the broker; `not-sent`, because it never left this process; `unknown`, because the
 * session ended before the broker answered. Only an `unknown` message may have been delivered.
 */
export type SendOutcome = 'refused' | 'not-sent' | 'unknown';

export interface ArgusErrorDetail {
  readonly outcome?: SendOutcome;
  /** With EMSGSIZE: the largest payload that the ring takes, bytes. */
  readonly maxMessageSize?: number;
  readonly cause?: unknown;
}

export class ArgusError extends CodedError<ArgusErrorCode> {
  override readonly name = 'ArgusError';
  readonly outcome: SendOutcome | undefined;
  readonly maxMessageSize: number | undefined;

  constructor(code: ArgusErrorCode, message: string, detail: ArgusErrorDetail = {}) {
    super(code, message, detail);
    this.outcome = detail.outcome;
    this.maxMessageSize = detail.maxMessageSize;
  }
}

/** The meaning of each status for the caller, and what to do. */
const EXPLANATIONS: Readonly<Record<Exclude<StatusWord, 'OK'>, string>> = Object.freeze({
  EPERM: 'the source port is not one of this domain’s rings; register the ring first or leave "from" out',
  ENOENT: 'no such ring',
  ESRCH: 'the partner is not in the inventory',
  EIO: 'the broker cannot write its audit log and accepts nothing until it can',
  EAGAIN: 'no room in the ring now; wait for "space" or give a deadline',
  ENOMEM: 'a quota of this domain is used up',
  EACCES: 'denied by policy, or no such domain',
  EFAULT: 'bad address',
  EBUSY: 'no room in the ring and too many wait for it already; try again later',
  EEXIST: 'the ring exists already',
  EINVAL: 'invalid argument',
  ENOSPC: 'no room for another ring',
  EMSGSIZE: 'larger than the ring could ever take',
  EOPNOTSUPP: 'not supported by this broker',
  ENOBUFS: 'more is queued than "queueBytes" allows; wait for earlier sends',
  ECONNRESET: 'the session ended before the broker answered',
  ETIMEDOUT: 'the deadline passed before there was room',
  ECONNREFUSED: 'no ring at that port for this domain',
  ECANCELED: 'canceled before it was sent',
});

/** The error for a status that the broker answered with. Not for OK. */
export function statusError(status: Status, what: string, detail: ArgusErrorDetail = {}): ArgusError {
  const word = statusWord(status);
  if (word === 'OK') return new ArgusError('EINVAL', `${what}: the broker answered OK where it had to refuse`, detail);
  return new ArgusError(word, `${what}: ${EXPLANATIONS[word]} (${word})`, detail);
}

export function wordError(
  word: Exclude<StatusWord, 'OK'>,
  what: string,
  reason: string = EXPLANATIONS[word],
  detail: ArgusErrorDetail = {},
): ArgusError {
  return new ArgusError(word, `${what}: ${reason} (${word})`, detail);
}
