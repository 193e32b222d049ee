/**
 * AEAD by @noble/ciphers: portable and auditable. The self-test compares the two fast providers with it.
 * The only file that imports noble.
 */
import { inspect } from 'node:util';
import { gcm, gcmsiv } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { AEAD_TAG_BYTES, REDACTED } from '../base/index.ts';
import {
  type Aead,
  type AeadKey,
  type AeadSuite,
  assertKeyLength,
  assertNonceLength,
  canOpen,
  foreignKeyError,
  wipedKeyError,
} from './aead.ts';
import { assertSealedRange } from './range.ts';

class NobleKey implements AeadKey {
  readonly suite: AeadSuite;
  readonly provider = 'noble';
  readonly #secret: Uint8Array;
  #isFreed = false;

  constructor(suite: AeadSuite, raw: Uint8Array) {
    this.suite = suite;
    this.#secret = Uint8Array.from(raw); // copied: the caller may wipe its bytes
  }

  static secretOf(key: AeadKey, suite: AeadSuite): Uint8Array {
    if (!(#secret in key) || key.suite !== suite) throw foreignKeyError(suite, 'noble');
    if (key.#isFreed) throw wipedKeyError(suite);
    return key.#secret;
  }

  free(): void {
    this.#secret.fill(0);
    this.#isFreed = true;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

const CIPHERS = { A256GCM: gcm, C20P: chacha20poly1305, A256GCMSIV: gcmsiv } as const satisfies Record<
  AeadSuite,
  unknown
>;

export function createNobleAead(suite: AeadSuite): Aead {
  const cipher = CIPHERS[suite];
  return Object.freeze<Aead>({
    suite,
    provider: 'noble',

    importKey(raw) {
      assertKeyLength(raw);
      return new NobleKey(suite, raw);
    },

    seal(key, nonce, aad, plaintext) {
      assertNonceLength(nonce);
      const sealed = cipher(NobleKey.secretOf(key, suite), nonce, aad).encrypt(plaintext);
      return { ciphertext: sealed.subarray(0, plaintext.length), tag: sealed.subarray(plaintext.length) };
    },

    open(key, nonce, aad, ciphertext, tag) {
      const secret = NobleKey.secretOf(key, suite);
      if (!canOpen(nonce, tag)) return null;
      const sealed = new Uint8Array(ciphertext.length + tag.length);
      sealed.set(ciphertext);
      sealed.set(tag, ciphertext.length);
      try {
        return cipher(secret, nonce, aad).decrypt(sealed);
      } catch {
        return null;
      }
    },

    sealInPlace(key, nonce, aad, bytes, start, length) {
      const secret = NobleKey.secretOf(key, suite);
      assertNonceLength(nonce);
      assertSealedRange(bytes, start, length);
      bytes.set(cipher(secret, nonce, aad).encrypt(bytes.subarray(start, start + length)), start);
    },

    openInPlace(key, nonce, aad, bytes, start, length) {
      const secret = NobleKey.secretOf(key, suite);
      assertSealedRange(bytes, start, length);
      try {
        bytes.set(cipher(secret, nonce, aad).decrypt(bytes.subarray(start, start + length + AEAD_TAG_BYTES)), start);
        return true;
      } catch {
        bytes.fill(0, start, start + length);
        return false;
      }
    },
  });
}
