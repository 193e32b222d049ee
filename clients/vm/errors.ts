/** What can be wrong when a machine is to be attached. Messages say what to do. */
export const VM_ERROR_CODES = ['ERR_VM_DOMAIN', 'ERR_VM_CARRIER', 'ERR_VM_AGENT'] as const;
export type VmErrorCode = (typeof VM_ERROR_CODES)[number];

export class VmError extends Error {
  override readonly name = 'VmError';
  readonly code: VmErrorCode;

  constructor(code: VmErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
