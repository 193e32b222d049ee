/** The faults of attaching a machine. Each message names the remedy. */
import { CodedError } from '../../broker/base/index.ts';

export const VM_ERROR_CODES = ['ERR_VM_DOMAIN', 'ERR_VM_CARRIER', 'ERR_VM_AGENT'] as const;
export type VmErrorCode = (typeof VM_ERROR_CODES)[number];

export class VmError extends CodedError<VmErrorCode> {
  override readonly name = 'VmError';
}
