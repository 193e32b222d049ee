/** The errors of host/: each message says what to do. */

export const HOST_ERROR_CODES = [
  'ERR_HOST_NOT_EMPTY',
  'ERR_HOST_DIRECTORY',
  'ERR_HOST_CONFIG',
  'ERR_HOST_VM_EXISTS',
  'ERR_HOST_VM_NAME',
  'ERR_HOST_VM_LABEL',
  'ERR_HOST_VM_DOMID',
  'ERR_HOST_VM_CARRIER',
  'ERR_HOST_INVENTORY',
] as const;

export type HostErrorCode = (typeof HOST_ERROR_CODES)[number];

export class HostError extends Error {
  override readonly name = 'HostError';
  readonly code: HostErrorCode;

  constructor(code: HostErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
