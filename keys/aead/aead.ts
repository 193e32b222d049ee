/**
 * AEAD: the interface that all three providers implement, and the suites as data.
 *
 * `A256GCMSIV` resists the misuse of nonces: a (key, nonce) pair that is used twice shows whether the two plaintexts
 * are equal, and nothing else (RFC 8452 §9). Only noble has it. It is for virtual machines that are saved and started
 * more than once.
 *
 * Sealing throws on misuse, because its arguments are ours. Opening gets bytes that a peer sent: every failure (short
 * tag, wrong nonce length, forged bytes) looks the same, and no plaintext remains when the tag does not verify.
 *
 * There are two ways to call it:
 *  - `seal` and `open` return fresh memory and leave their inputs as they are. This suits a handshake and tests.
 *  - `sealInPlace` and `openInPlace` work in the buffer that is written to or was read from a carrier. With the in-place
 *    provider a record then costs no allocation and no copy. Lay a record out as header | plaintext | 16 spare bytes:
 *
 *        aead.sealInPlace(key, nonce, header, chunk, HEADER_BYTES, length);         // write HEADER_BYTES + length + 16 bytes
 *        if (!aead.openInPlace(key, nonce, header, chunk, HEADER_BYTES, length)) …  // false: the range holds zeros
 *
 *    Memory that is reused (a pool) is best, because its address is looked up only once. The memory may be shared.
 *
 * Call `key.free()` when an epoch or a session ends. A key that is only dropped is freed by the collector, later.
 */
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, KeyError } from '../base/index.ts';

/** In the order in which a domain offers them: the broker takes the first one that it accepts. */
export const AEAD_SUITES = ['A256GCM', 'C20P', 'A256GCMSIV'] as const;
export type AeadSuite = (typeof AEAD_SUITES)[number];
/** Those of every provider. The others are so much slower that a domain gets them only where its broker says so. */
export const FAST_SUITES: readonly AeadSuite[] = ['A256GCM', 'C20P'];
/** Those that survive a (key, nonce) pair that is used twice. */
export const CLONE_SAFE_SUITES: readonly AeadSuite[] = ['A256GCMSIV'];
/** Best first: the first one that loads is used unless an option names another. */
export const AEAD_PROVIDERS = ['in-place', 'node', 'noble'] as const;
export type AeadProvider = (typeof AEAD_PROVIDERS)[number];

/** Opaque: only the provider that imported it can use it, for its own suite. Prints as [redacted]. */
export interface AeadKey {
  readonly suite: AeadSuite;
  readonly provider: AeadProvider;
  /** Forgets the key and frees its memory. Idempotent. Any later use throws ERR_KEY_WIPED. */
  free(): void;
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
  /**
   * @param raw 32 bytes; copied, so the caller may wipe them. @throws KeyError ERR_KEY_AEAD_USAGE on another length.
   */
  importKey(raw: Uint8Array): AeadKey;
  /**
   * A (key, nonce) pair must never be used twice: that reveals plaintexts and, with GCM, the authentication key. Only
   * A256GCMSIV survives it.
   *
   * @param nonce 12 bytes
   * @throws KeyError ERR_KEY_AEAD_USAGE on a nonce of another length or a key of another suite or provider; ERR_KEY_WIPED
   */
  seal(key: AeadKey, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Sealed;
  /**
   * @returns the plaintext in a fresh buffer, or null on any failure, without saying which
   * @throws KeyError ERR_KEY_AEAD_USAGE on a key of another suite or provider, which no peer can cause; ERR_KEY_WIPED
   */
  open(key: AeadKey, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array | null;
  /**
   * Replaces the plaintext at `start … start + length` with ciphertext, and the 16 bytes after it with the tag.
   *
   * @param aad may lie in `bytes`, outside that range
   * @throws KeyError ERR_KEY_AEAD_USAGE when the range does not lie inside `bytes`, or as `seal`; ERR_KEY_WIPED
   */
  sealInPlace(key: AeadKey, nonce: Uint8Array, aad: Uint8Array, bytes: Uint8Array, start: number, length: number): void;
  /**
   * Replaces the ciphertext at `start … start + length`, whose tag is the 16 bytes after it, with plaintext.
   *
   * @returns false on any failure, without saying which; the range then holds zeros and no plaintext
   * @throws KeyError ERR_KEY_AEAD_USAGE when the range does not lie inside `bytes`, or as `open`; ERR_KEY_WIPED
   */
  openInPlace(
    key: AeadKey,
    nonce: Uint8Array,
    aad: Uint8Array,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): boolean;
}

export interface SuiteDescriptor {
  readonly suite: AeadSuite;
  /** Its name in node:crypto, and the function of OpenSSL that describes it. Null: only noble has it. */
  readonly openssl: {
    readonly cipherName: 'aes-256-gcm' | 'chacha20-poly1305';
    readonly cipherFunction: 'EVP_aes_256_gcm' | 'EVP_chacha20_poly1305';
  } | null;
  readonly specification: string;
}

const AES_256_GCM: SuiteDescriptor = {
  suite: 'A256GCM',
  openssl: { cipherName: 'aes-256-gcm', cipherFunction: 'EVP_aes_256_gcm' },
  specification: 'NIST SP 800-38D; RFC 7518 §5.3',
};
const CHACHA20_POLY1305: SuiteDescriptor = {
  suite: 'C20P',
  openssl: { cipherName: 'chacha20-poly1305', cipherFunction: 'EVP_chacha20_poly1305' },
  specification: 'RFC 8439 §2.8',
};
/** OpenSSL has it since 3.2; the Node versions that Argus runs on carry older ones, and node:crypto does not offer it. */
const AES_256_GCM_SIV: SuiteDescriptor = {
  suite: 'A256GCMSIV',
  openssl: null,
  specification: 'RFC 8452',
};

/** A Map, not an object: a hostile suite name cannot resolve to something inherited. The first one is the default. */
export const SUITES: ReadonlyMap<string, SuiteDescriptor> = new Map(
  [AES_256_GCM, CHACHA20_POLY1305, AES_256_GCM_SIV].map((each) => [each.suite, each]),
);

/** A suite name from the wire, or null when we do not support it. */
export function parseSuite(name: unknown): AeadSuite | null {
  return typeof name === 'string' ? (SUITES.get(name)?.suite ?? null) : null;
}

/** Shared by the providers, so that all refuse the same lengths. */
export function assertKeyLength(raw: Uint8Array): void {
  if (raw.length !== AEAD_KEY_BYTES)
    throw new KeyError('ERR_KEY_AEAD_USAGE', `aead key: expected ${AEAD_KEY_BYTES} bytes, got ${raw.length}`);
}

export function assertNonceLength(nonce: Uint8Array): void {
  if (nonce.length !== AEAD_NONCE_BYTES)
    throw new KeyError('ERR_KEY_AEAD_USAGE', `aead nonce: expected ${AEAD_NONCE_BYTES} bytes, got ${nonce.length}`);
}

/** A truncated tag is easier to forge, and OpenSSL would accept some lengths. */
export function canOpen(nonce: Uint8Array, tag: Uint8Array): boolean {
  return nonce.length === AEAD_NONCE_BYTES && tag.length === AEAD_TAG_BYTES;
}

export function foreignKeyError(suite: AeadSuite, provider: AeadProvider): KeyError {
  return new KeyError('ERR_KEY_AEAD_USAGE', `aead key: not imported by provider "${provider}" for suite "${suite}"`);
}

export function wipedKeyError(suite: AeadSuite): KeyError {
  return new KeyError('ERR_KEY_WIPED', `aead key for suite "${suite}": it has been freed`);
}
