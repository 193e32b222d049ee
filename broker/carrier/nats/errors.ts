/** Errors of the NATS carrier, for operators and callers. Messages say what to do. */
import { CodedError } from '../../base/index.ts';

export const NATS_ERROR_CODES = [
  /** `nats://host:port/broker` was not understood. */
  'ERR_NATS_ADDRESS',
  /** No server at this address, or it did not answer in time. */
  'ERR_NATS_UNREACHABLE',
  /** The server's certificate is not from the expected CA, or not for this host. */
  'ERR_NATS_TLS',
  /** The server accepts only messages that are too small to be useful. */
  'ERR_NATS_PAYLOAD',
  /** The server does not know this nkey. */
  'ERR_NATS_AUTH',
  /** The server refused a publish or a subscription: its allow-list lacks the subject. */
  'ERR_NATS_DENIED',
  /** The connection to the server ended. */
  'ERR_NATS_LOST',
  /** Messages between the two ends were lost, overlapped, or were not valid. */
  'ERR_NATS_STREAM',
  /** A key, certificate or user file is missing, readable by others, or not valid. */
  'ERR_NATS_FILE',
  /** openssl, which makes certificates, is missing or failed. */
  'ERR_NATS_OPENSSL',
  /** A private key of the server would lie on the disk in the clear, and no person has said that it may. */
  'ERR_NATS_UNSEALED',
  /** The users do not fit the inventory. */
  'ERR_NATS_USER',
] as const;
export type NatsErrorCode = (typeof NATS_ERROR_CODES)[number];

export class NatsCarrierError extends CodedError<NatsErrorCode> {
  override readonly name = 'NatsCarrierError';
}
