/**
 * AEAD by OpenSSL on the caller's own bytes: the default provider, if it loads.
 *
 * node:crypto builds two objects per record, zeroes an output buffer, copies the output, and leaves both to the garbage
 * collector. This provider seals a record in place, so nothing is copied or allocated. Keys are OpenSSL contexts: the
 * raw bytes and the expanded key are outside the JavaScript heap, and OpenSSL wipes them when the context is freed.
 */
import { inspect } from 'node:util';
import { KeyError, REDACTED } from '../base/index.ts';
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
import { type CipherFunction, OpenSsl } from './openssl.ts';

const NO_CONTEXT = 0;

class InPlaceKey implements AeadKey {
  readonly suite: AeadSuite;
  readonly provider = 'in-place';
  readonly #openssl: OpenSsl;
  #context: number;

  constructor(suite: AeadSuite, openssl: OpenSsl, cipher: CipherFunction, raw: Uint8Array) {
    this.suite = suite;
    this.#openssl = openssl;
    this.#context = openssl.createContext(this, cipher, raw);
  }

  static contextOf(key: AeadKey, suite: AeadSuite): number {
    if (!(#context in key) || key.suite !== suite) throw foreignKeyError(suite, 'in-place');
    if (key.#context === NO_CONTEXT) throw wipedKeyError(suite);
    return key.#context;
  }

  free(): void {
    const context = this.#context;
    this.#context = NO_CONTEXT;
    if (context !== NO_CONTEXT) this.#openssl.freeContext(this, context);
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

export type InPlaceAeads =
  | {
      readonly isLoaded: true;
      readonly createAead: (suite: AeadSuite, cipher: CipherFunction) => Aead;
      /** Keys that were imported and not freed. */
      readonly liveKeys: () => number;
    }
  /** The reason why this machine has none, for people to read. */
  | { readonly isLoaded: false; readonly reason: string };

/** Loads koffi and binds OpenSSL: about 20 ms. */
export function loadInPlaceAeads(load: () => OpenSsl = () => new OpenSsl()): InPlaceAeads {
  try {
    const openssl = load();
    const createAead = (suite: AeadSuite, cipher: CipherFunction): Aead => createInPlaceAead(openssl, suite, cipher);
    return { isLoaded: true, createAead, liveKeys: () => openssl.contexts };
  } catch (error) {
    return { isLoaded: false, reason: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'koffi cannot be loaded';
  if (error instanceof KeyError) return error.message;
  const [firstLine = ''] = error.message.split('\n');
  const isMissing = 'code' in error && (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_INVALID_ARG_VALUE');
  return isMissing ? 'koffi is not installed here' : firstLine;
}

function createInPlaceAead(openssl: OpenSsl, suite: AeadSuite, cipher: CipherFunction): Aead {
  return Object.freeze<Aead>({
    suite,
    provider: 'in-place',

    importKey(raw) {
      assertKeyLength(raw);
      return new InPlaceKey(suite, openssl, cipher, raw);
    },

    seal(key, nonce, aad, plaintext) {
      const context = InPlaceKey.contextOf(key, suite);
      assertNonceLength(nonce);
      return openssl.seal(context, nonce, aad, plaintext);
    },

    open(key, nonce, aad, ciphertext, tag) {
      const context = InPlaceKey.contextOf(key, suite);
      return canOpen(nonce, tag) ? openssl.open(context, nonce, aad, ciphertext, tag) : null;
    },

    sealInPlace(key, nonce, aad, bytes, start, length) {
      const context = InPlaceKey.contextOf(key, suite);
      assertNonceLength(nonce);
      openssl.sealInPlace(context, nonce, aad, bytes, start, length);
    },

    openInPlace(key, nonce, aad, bytes, start, length) {
      return openssl.openInPlace(InPlaceKey.contextOf(key, suite), nonce, aad, bytes, start, length);
    },
  });
}
