/** The errors of host/. */
import { CodedError } from '../../broker/base/index.ts';

export const HOST_ERROR_CODES = [
  'ERR_HOST_NOT_EMPTY',
  'ERR_HOST_DIRECTORY',
  'ERR_HOST_CONFIG',
  'ERR_HOST_VM_EXISTS',
  'ERR_HOST_VM_UNKNOWN',
  'ERR_HOST_VM_NAME',
  'ERR_HOST_VM_LABEL',
  'ERR_HOST_VM_DOMID',
  'ERR_HOST_VM_CARRIER',
  'ERR_HOST_INVENTORY',
  'ERR_HOST_BROKER',
] as const;

export type HostErrorCode = (typeof HOST_ERROR_CODES)[number];

export class HostError extends CodedError<HostErrorCode> {
  override readonly name = 'HostError';
}
