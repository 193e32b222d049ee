/**
 * Errors of the operator, of the host and of our own callers, each with a stable code. A problem that a peer can cause
 * (a bad credential, a forged record) is a returned value and never one of these.
 */
import { CodedError } from '../../broker/base/index.ts';

/** docs/keys.md explains each code. A test compares the two lists. */
export const KEY_ERROR_CODES = [
  // files: errors of the operator who set up the directory
  'ERR_KEY_FILE_MISSING',
  'ERR_KEY_FILE_MODE',
  'ERR_KEY_FILE_OWNER',
  'ERR_KEY_FILE_SYMLINK',
  'ERR_KEY_FILE_CONTENT',
  'ERR_KEY_FILE_IO',
  'ERR_KEY_SEALED',
  'ERR_KEY_UNSEAL',
  'ERR_KEY_PASSPHRASE',
  'ERR_KEY_BACKUP',
  'ERR_KEY_BACKUP_OLD',
  'ERR_KEY_SHARE',
  'ERR_KEY_EXISTS',
  'ERR_KEY_PRIVATE_GIVEN',
  // names, terms and credentials
  'ERR_KEY_NAME',
  'ERR_KEY_ROLE',
  'ERR_KEY_TTL',
  'ERR_KEY_MISMATCH',
  'ERR_KEY_REQUEST',
  'ERR_KEY_AUTHORITY_CHANGED',
  'ERR_KEY_REVOKED',
  'ERR_KEY_REVOCATIONS',
  'ERR_KEY_ROTATION',
  'ERR_KEY_CREDENTIAL_EXPIRED',
  'ERR_KEY_CREDENTIAL_NOT_YET_VALID',
  'ERR_KEY_CREDENTIAL_FOREIGN',
  'ERR_KEY_CREDENTIAL_INVALID',
  // misuse by our own code: a bug, never a peer
  'ERR_KEY_AEAD_USAGE',
  'ERR_KEY_AEAD_UNAVAILABLE',
  'ERR_KEY_AEAD_HOST',
  'ERR_KEY_AEAD_SELF_TEST',
  'ERR_KEY_WIPED',
  'ERR_KEY_EPOCH_EXHAUSTED',
  'ERR_KEY_SEQUENCE_RANGE',
  'ERR_KEY_STATEMENT',
] as const;

export type KeyErrorCode = (typeof KEY_ERROR_CODES)[number];

/**
 * Messages are lower case, quote the wrong value and say what to do. They never hold key material, and neither does
 * `cause`: parsers quote their input in their messages, so a parse error of a key file is never a cause.
 */
export class KeyError extends CodedError<KeyErrorCode> {
  override readonly name = 'KeyError';

  constructor(code: KeyErrorCode, message: string, cause?: unknown) {
    super(code, message, { cause });
  }
}
