/**
 * AEAD by node:crypto: the fallback where OpenSSL cannot be called in place. It uses the same OpenSSL.
 *
 * Ciphertext and plaintext are the buffers that OpenSSL wrote into; `seal` and `open` neither copy nor join them. Keys
 * are KeyObjects, so the raw bytes are outside the JavaScript heap.
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
  wipedKeyError,
} from './aead.ts';
import { assertSealedRange } from './range.ts';

class NodeKey implements AeadKey {
  readonly suite: AeadSuite;
  readonly provider = 'node';
  #secret: KeyObject | null;

  constructor(suite: AeadSuite, raw: Uint8Array) {
    this.suite = suite;
    this.#secret = createSecretKey(raw);
  }

  static secretOf(key: AeadKey, suite: AeadSuite): KeyObject {
    if (!(#secret in key) || key.suite !== suite) throw foreignKeyError(suite, 'node');
    if (key.#secret === null) throw wipedKeyError(suite);
    return key.#secret;
  }

  free(): void {
    this.#secret = null;
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

  function open(secret: KeyObject, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array) {
    if (!canOpen(nonce, tag)) return null;
    const decipher = createDecipheriv(cipherName, secret, nonce, OPTIONS);
    decipher.setAAD(aad);
    decipher.setAuthTag(tag);
    const plaintext = decipher.update(ciphertext);
    try {
      decipher.final();
    } catch {
      plaintext.fill(0); // unauthenticated: it must not be readable, not even in a heap dump
      return null;
    }
    return plaintext;
  }

  function seal(secret: KeyObject, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) {
    assertNonceLength(nonce);
    const cipher = createCipheriv(cipherName, secret, nonce, OPTIONS);
    cipher.setAAD(aad);
    const ciphertext = cipher.update(plaintext);
    cipher.final(); // both ciphers are stream modes: update has returned everything
    return { ciphertext, tag: cipher.getAuthTag() };
  }

  return Object.freeze<Aead>({
    suite,
    provider: 'node',

    importKey(raw) {
      assertKeyLength(raw);
      return new NodeKey(suite, raw);
    },

    seal(key, nonce, aad, plaintext) {
      return seal(NodeKey.secretOf(key, suite), nonce, aad, plaintext);
    },

    open(key, nonce, aad, ciphertext, tag) {
      return open(NodeKey.secretOf(key, suite), nonce, aad, ciphertext, tag);
    },

    sealInPlace(key, nonce, aad, bytes, start, length) {
      assertSealedRange(bytes, start, length);
      const sealed = seal(NodeKey.secretOf(key, suite), nonce, aad, bytes.subarray(start, start + length));
      bytes.set(sealed.ciphertext, start);
      bytes.set(sealed.tag, start + length);
    },

    openInPlace(key, nonce, aad, bytes, start, length) {
      assertSealedRange(bytes, start, length);
      const [end, tagEnd] = [start + length, start + length + AEAD_TAG_BYTES];
      const secret = NodeKey.secretOf(key, suite);
      const plaintext = open(secret, nonce, aad, bytes.subarray(start, end), bytes.subarray(end, tagEnd));
      if (plaintext === null) {
        bytes.fill(0, start, end);
        return false;
      }
      bytes.set(plaintext, start);
      plaintext.fill(0);
      return true;
    },
  });
}
