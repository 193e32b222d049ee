/** What the operator of a broker can get wrong, or the host refuse. Messages say what to do. */
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
  | 'ERR_BROKER_RELOAD'
  | 'ERR_BROKER_CHECK'
  /** The broker did not answer a request in time. */
  | 'ERR_BROKER_TIMEOUT'
  /** Policies are applied here and files do not count, or the other way round. */
  | 'ERR_BROKER_SOURCE'
  /** Another policy is in force than the admin believes. */
  | 'ERR_BROKER_TOKEN'
  | 'ERR_BROKER_GRANT';

export class BrokerError extends CodedError<BrokerErrorCode> {
  override readonly name = 'BrokerError';
}
