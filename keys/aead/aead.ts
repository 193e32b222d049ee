/**
 * AEAD: the interface both providers implement, and the suites as data.
 *
 * `seal` may throw on misuse, because its arguments are ours. `open` sees what a peer sent: every failure (short tag,
 * wrong nonce length, forged bytes) is the same `null`, and no plaintext is returned before the tag has verified.
 */
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, KeyError } from '../base/index.ts';

export type AeadSuite = 'A256GCM' | 'C20P';
export type AeadProvider = 'node' | 'noble';

/** Opaque: only the provider that imported it can use it, for its own suite. Prints as [redacted]. */
export interface AeadKey {
  readonly suite: AeadSuite;
  readonly provider: AeadProvider;
  toJSON(): string;
}

export interface Sealed {
  /** As long as the plaintext; a fresh buffer that the caller owns. */
  readonly ciphertext: Uint8Array;
  /** 16 bytes. */
  readonly tag: Uint8Array;
}

export interface Aead {
  readonly suite: AeadSuite;
  readonly provider: AeadProvider;
  /** @param raw 32 bytes; copied, so the caller may wipe them. @throws KeyError ERR_KEY_AEAD_USAGE on another length. */
  importKey(raw: Uint8Array): AeadKey;
  /**
   * A (key, nonce) pair must never be used twice: that reveals plaintexts and, with GCM, the authentication key.
   *
   * @param nonce 12 bytes
   * @throws KeyError ERR_KEY_AEAD_USAGE on a nonce of another length or a key of another suite or provider
   */
  seal(key: AeadKey, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Sealed;
  /**
   * @returns the plaintext in a fresh buffer, or null on any failure, without saying which
   * @throws KeyError ERR_KEY_AEAD_USAGE on a key of another suite or provider, which no peer can cause
   */
  open(key: AeadKey, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array | null;
}

export interface SuiteDescriptor {
  readonly suite: AeadSuite;
  /** The name OpenSSL knows it by. */
  readonly openssl: 'aes-256-gcm' | 'chacha20-poly1305';
  readonly specification: string;
}

/** A Map, not an object: a hostile suite name cannot resolve to something inherited. The first one is the default. */
export const SUITES: ReadonlyMap<string, SuiteDescriptor> = new Map([
  ['A256GCM', { suite: 'A256GCM', openssl: 'aes-256-gcm', specification: 'NIST SP 800-38D; RFC 7518 §5.3' }],
  ['C20P', { suite: 'C20P', openssl: 'chacha20-poly1305', specification: 'RFC 8439 §2.8' }],
]);

/** A suite name off the wire, or null when we do not speak it. */
export function parseSuite(name: unknown): AeadSuite | null {
  return typeof name === 'string' ? (SUITES.get(name)?.suite ?? null) : null;
}

/** Shared by both providers so that they refuse the same things. */
export function assertKeyLength(raw: Uint8Array): void {
  if (raw.length !== AEAD_KEY_BYTES)
    throw new KeyError('ERR_KEY_AEAD_USAGE', `aead key: expected ${AEAD_KEY_BYTES} bytes, got ${raw.length}`);
}

export function assertNonceLength(nonce: Uint8Array): void {
  if (nonce.length !== AEAD_NONCE_BYTES)
    throw new KeyError('ERR_KEY_AEAD_USAGE', `aead nonce: expected ${AEAD_NONCE_BYTES} bytes, got ${nonce.length}`);
}

/** A truncated tag is easier to forge; OpenSSL would accept some lengths, so this is checked before it is asked. */
export function canOpen(nonce: Uint8Array, tag: Uint8Array): boolean {
  return nonce.length === AEAD_NONCE_BYTES && tag.length === AEAD_TAG_BYTES;
}

export function foreignKeyError(suite: AeadSuite, provider: AeadProvider): KeyError {
  return new KeyError('ERR_KEY_AEAD_USAGE', `aead key: not imported by provider "${provider}" for suite "${suite}"`);
}
