/** Errors of the operator of a broker, or of the host. Messages say what to do. */
import { CodedError } from '../base/index.ts';

export type BrokerErrorCode =
  | 'ERR_BROKER_CONFIG'
  | 'ERR_BROKER_CONFIG_FILE'
  | 'ERR_BROKER_SOCKET_BUSY'
  | 'ERR_BROKER_SOCKET_PATH'
  | 'ERR_BROKER_LISTEN'
  | 'ERR_BROKER_VMM_USER'
  | 'ERR_BROKER_VMM_OWNER'
  | 'ERR_BROKER_VMM_DIRECTORY'
  | 'ERR_BROKER_IDENTITY'
  | 'ERR_BROKER_NOT_RUNNING'
  | 'ERR_BROKER_CONTROL'
  | 'ERR_BROKER_CONTROL_ACCESS'
  /** The broker asks for a key, or does not accept the one that was presented. */
  | 'ERR_BROKER_CONTROL_KEY'
  /** The key is good, and its role may not do this. */
  | 'ERR_BROKER_CONTROL_ROLE'
  | 'ERR_BROKER_RELOAD'
  | 'ERR_BROKER_CHECK'
  /** The broker did not answer a request in time. */
  | 'ERR_BROKER_TIMEOUT'
  /**
   * The request does not fit `policy.source`: applied policies ignore the directory, and a watched directory is not
   * applied to.
   */
  | 'ERR_BROKER_SOURCE'
  /** The policy in force is not the one that the admin edited. */
  | 'ERR_BROKER_TOKEN'
  | 'ERR_BROKER_GRANT'
  /** A domain cannot be made permissive or enforcing. */
  | 'ERR_BROKER_MODE'
  /** A review is not accepted: not from an auditor, or not of this log. */
  | 'ERR_BROKER_REVIEW';

export class BrokerError extends CodedError<BrokerErrorCode> {
  override readonly name = 'BrokerError';
}
