/**
 * AEAD by node:crypto (OpenSSL): the fast provider and the broker's hot path, one call a record.
 *
 * Ciphertext and plaintext are the buffers OpenSSL wrote into; nothing is copied or joined. Keys are KeyObjects, so the
 * raw bytes are outside the JavaScript heap.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { AEAD_TAG_BYTES, REDACTED } from '../base/index.ts';
import {
  type Aead,
  type AeadKey,
  type AeadSuite,
  assertKeyLength,
  assertNonceLength,
  canOpen,
  foreignKeyError,
} from './aead.ts';

class NodeKey implements AeadKey {
  readonly suite: AeadSuite;
  readonly provider = 'node';
  readonly #secret: KeyObject;

  constructor(suite: AeadSuite, raw: Uint8Array) {
    this.suite = suite;
    this.#secret = createSecretKey(raw);
  }

  static secretOf(key: AeadKey, suite: AeadSuite): KeyObject {
    if (!(#secret in key) || key.suite !== suite) throw foreignKeyError(suite, 'node');
    return key.#secret;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

const OPTIONS = Object.freeze({ authTagLength: AEAD_TAG_BYTES });

// @types/node overloads createCipheriv per cipher name; both names give the AEAD interface that the GCM overload has.
type AeadCipherName = 'aes-256-gcm';

export function createNodeAead(suite: AeadSuite, opensslName: 'aes-256-gcm' | 'chacha20-poly1305'): Aead {
  const cipherName = opensslName as AeadCipherName;
  return Object.freeze<Aead>({
    suite,
    provider: 'node',

    importKey(raw) {
      assertKeyLength(raw);
      return new NodeKey(suite, raw);
    },

    seal(key, nonce, aad, plaintext) {
      assertNonceLength(nonce);
      const cipher = createCipheriv(cipherName, NodeKey.secretOf(key, suite), nonce, OPTIONS);
      cipher.setAAD(aad);
      const ciphertext = cipher.update(plaintext);
      cipher.final(); // both are stream modes: everything has come out of update already
      return { ciphertext, tag: cipher.getAuthTag() };
    },

    open(key, nonce, aad, ciphertext, tag) {
      const secret = NodeKey.secretOf(key, suite);
      if (!canOpen(nonce, tag)) return null;
      const decipher = createDecipheriv(cipherName, secret, nonce, OPTIONS);
      decipher.setAAD(aad);
      decipher.setAuthTag(tag);
      const plaintext = decipher.update(ciphertext);
      try {
        decipher.final();
      } catch {
        plaintext.fill(0); // unauthenticated: nobody may see it, not even in a heap dump
        return null;
      }
      return plaintext;
    },
  });
}
