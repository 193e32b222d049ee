/** A private Ed25519 key that can only sign: it cannot be read, printed or serialised. */
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { inspect } from 'node:util';
import { CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose';
import { KeyError, REDACTED } from '../base/index.ts';
import { type PrivateJwk, type PublicJwk, parsePrivateJwk, thumbprintOf } from './jwk.ts';

/** RFC 9864: fully specified; the polymorphic `EdDSA` is neither emitted nor accepted. */
export const SIGNATURE_ALGORITHM = 'Ed25519';

type PrivateCryptoKey = Exclude<Awaited<ReturnType<typeof importJWK>>, Uint8Array>;

export class SigningKey {
  readonly publicJwk: PublicJwk;
  /** RFC 7638. */
  readonly thumbprint: string;
  readonly #privateKey: PrivateCryptoKey;

  private constructor(publicJwk: PublicJwk, thumbprint: string, privateKey: PrivateCryptoKey) {
    this.publicJwk = publicJwk;
    this.thumbprint = thumbprint;
    this.#privateKey = privateKey;
  }

  /** @returns null when `x` is not the public half of `d` (an edited or mixed-up file) */
  static async fromPrivateJwk(jwk: PrivateJwk): Promise<SigningKey | null> {
    const { kty, crv, x, d } = jwk;
    const derived = createPublicKey(createPrivateKey({ format: 'jwk', key: { kty, crv, x, d } })).export({
      format: 'jwk',
    });
    if (derived.x !== x) return null;
    const privateKey = await importJWK({ kty, crv, x, d }, SIGNATURE_ALGORITHM, { extractable: false });
    if (privateKey instanceof Uint8Array) return null;
    const publicJwk = Object.freeze({ kty, crv, x });
    return new SigningKey(publicJwk, await thumbprintOf(publicJwk), privateKey);
  }

  /** Compact JWS (RFC 7515 §7.1). `header` must not hold `alg`. */
  signCompact(
    header: { readonly typ: string; readonly jwk?: PublicJwk; readonly succession?: object },
    claims: object,
  ): Promise<string> {
    return new CompactSign(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader({ ...header, alg: SIGNATURE_ALGORITHM })
      .sign(this.#privateKey);
  }

  /**
   * Ed25519 over the text of a signed note (c2sp.org/signed-note). A note ends in a newline, and the signing input of a
   * JWS never holds one. So a signature of one kind is never valid for the other.
   *
   * @throws RangeError when the text does not end in a newline: a bug of the caller
   */
  async signNote(text: string): Promise<Uint8Array> {
    if (!text.endsWith('\n')) throw new RangeError('a note ends in a newline');
    return new Uint8Array(await webcrypto.subtle.sign(SIGNATURE_ALGORITHM, this.#privateKey, Buffer.from(text)));
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/** A new key, as the JWK for its file. Only here its private half is visible. */
export async function generatePrivateJwk(): Promise<PrivateJwk> {
  const { privateKey } = await generateKeyPair(SIGNATURE_ALGORITHM, { extractable: true });
  const jwk = parsePrivateJwk(await exportJWK(privateKey));
  if (jwk === null)
    throw new KeyError('ERR_KEY_FILE_CONTENT', 'the crypto library generated a key of an unexpected form');
  return jwk;
}
