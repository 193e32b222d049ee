/** The public key of an authority, which a holder trusts. A person installs it; it never comes over the wire. */
import { importJWK } from 'jose';
import { type PublicJwk, parsePublicJwk, thumbprintOf } from './jwk.ts';
import { SIGNATURE_ALGORITHM } from './signing-key.ts';

export interface TrustAnchor {
  readonly publicJwk: PublicJwk;
  /** RFC 7638; the `iss` of every credential of this authority. */
  readonly thumbprint: string;
  readonly publicKey: Exclude<Awaited<ReturnType<typeof importJWK>>, Uint8Array>;
  /** The key of this authority before its last rotation; null when the holder knows of none. */
  readonly predecessor: Predecessor | null;
}

export interface Predecessor {
  readonly thumbprint: string;
  readonly publicKey: TrustAnchor['publicKey'];
  /** Seconds since 1970-01-01 UTC: its credentials count until then. */
  readonly until: number;
}

/** @returns null when `jwk` is not a public Ed25519 JWK; further members are ignored */
export async function importTrustAnchor(jwk: unknown): Promise<TrustAnchor | null> {
  const publicJwk = parsePublicJwk(jwk);
  if (publicJwk === null) return null;
  const publicKey = await importJWK({ ...publicJwk }, SIGNATURE_ALGORITHM);
  if (publicKey instanceof Uint8Array) return null;
  const thumbprint = await thumbprintOf(publicJwk);
  return Object.freeze({ publicJwk: Object.freeze(publicJwk), thumbprint, publicKey, predecessor: null });
}
