/**
 * AEAD by @noble/ciphers: portable, auditable, the reference that the fast provider is compared with.
 * The only file that imports noble.
 */
import { inspect } from 'node:util';
import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { REDACTED } from '../base/index.ts';
import {
  type Aead,
  type AeadKey,
  type AeadSuite,
  assertKeyLength,
  assertNonceLength,
  canOpen,
  foreignKeyError,
} from './aead.ts';

class NobleKey implements AeadKey {
  readonly suite: AeadSuite;
  readonly provider = 'noble';
  readonly #secret: Uint8Array;

  constructor(suite: AeadSuite, raw: Uint8Array) {
    this.suite = suite;
    this.#secret = Uint8Array.from(raw); // copied: the caller may wipe its own
  }

  static secretOf(key: AeadKey, suite: AeadSuite): Uint8Array {
    if (!(#secret in key) || key.suite !== suite) throw foreignKeyError(suite, 'noble');
    return key.#secret;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

const CIPHERS = { A256GCM: gcm, C20P: chacha20poly1305 } as const satisfies Record<AeadSuite, unknown>;

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
  });
}
