/**
 * Statements: the messages that a holder signs (hello, welcome, ...), as a compact JWS with its public key in the
 * header.
 *
 * The embedded key alone proves nothing. A statement is valid only together with a verified credential that names the
 * key.
 */
import { timingSafeEqual } from 'node:crypto';
import { importJWK } from 'jose';
import * as z from 'zod';
import { KeyError, MAX_TOKEN_CHARACTERS } from '../base/index.ts';
import type { Credential } from './credential.ts';
import { isPrivateJwk, type PublicJwk, parsePublicJwk, thumbprintOf } from './jwk.ts';
import { Remembered } from './remembered.ts';
import { SIGNATURE_ALGORITHM, type SigningKey } from './signing-key.ts';
import { readSignedClaims, readTokenHeader } from './token.ts';
import type { TrustAnchor } from './trust-anchor.ts';

const header = z.object({ alg: z.literal(SIGNATURE_ALGORITHM), typ: z.string(), jwk: z.unknown() });
const jsonObject = z.record(z.string(), z.unknown());

/**
 * @param typ keeps statements of different purposes apart (`argus-hello+jws`); never a credential's type
 * @param claims plain JSON values
 * @throws KeyError ERR_KEY_STATEMENT when the result would be longer than any verifier accepts
 */
export async function signStatement(key: SigningKey, typ: string, claims: object): Promise<string> {
  const statement = await key.signCompact({ typ, jwk: key.publicJwk }, claims);
  if (statement.length > MAX_TOKEN_CHARACTERS)
    throw new KeyError(
      'ERR_KEY_STATEMENT',
      `statement "${typ}": ${statement.length} characters, at most ${MAX_TOKEN_CHARACTERS} can be verified`,
    );
  return statement;
}

/**
 * @param jws peer-controlled; never makes this throw
 * @param credential verified before, by `verifyCredential`
 * @returns the claims, a JSON object whose shape the caller checks; null on any failure, without a reason
 */
export async function verifyStatement(jws: string, typ: string, credential: Credential): Promise<unknown> {
  const signed = await verifyEmbedded(jws, typ, credential.thumbprint);
  return signed === null ? null : signed.claims;
}

export interface EmbeddedClaims {
  readonly publicJwk: PublicJwk;
  readonly thumbprint: string;
  readonly claims: unknown;
}

/**
 * Verifies a statement with the key in its own header. That proves possession of this key, and nothing about a name.
 *
 * @param expected thumbprint of the only key that is accepted; null = any
 */
export async function verifyEmbedded(
  jws: string,
  typ: string,
  expected: string | null = null,
): Promise<EmbeddedClaims | null> {
  const parsed = header.safeParse(readTokenHeader(jws));
  if (!parsed.success || parsed.data.typ !== typ) return null;
  // Other processes may have read a private key that is sent over the wire. So it proves nothing.
  if (isPrivateJwk(parsed.data.jwk)) return null;
  const publicJwk = parsePublicJwk(parsed.data.jwk);
  if (publicJwk === null) return null;
  const holder = await holderOf(publicJwk, expected);
  if (holder === null) return null;
  const signed = await readSignedClaims(jws, holder.key);
  if (signed.outcome !== 'verified' || !jsonObject.safeParse(signed.claims).success) return null;
  return { publicJwk, thumbprint: holder.thumbprint, claims: signed.claims };
}

interface Holder {
  /** Of the public key, base64url. */
  readonly x: string;
  readonly thumbprint: string;
  readonly key: TrustAnchor['publicKey'];
}

/** The keys of verified credentials, by thumbprint. A thumbprint is a hash, so it belongs to one key for ever. */
const holders = new Remembered<Holder>();

async function holderOf(jwk: PublicJwk, expected: string | null): Promise<Holder | null> {
  const known = expected === null ? undefined : holders.get(expected);
  if (known !== undefined) return known.x === jwk.x ? known : null;
  const thumbprint = await thumbprintOf(jwk);
  if (expected !== null && !isSameThumbprint(thumbprint, expected)) return null;
  const key = await importJWK({ ...jwk }, SIGNATURE_ALGORITHM);
  if (key instanceof Uint8Array) return null;
  const holder = { x: jwk.x, thumbprint, key };
  if (expected !== null) holders.set(thumbprint, holder);
  return holder;
}

function isSameThumbprint(left: string, right: string): boolean {
  const [leftBytes, rightBytes] = [Buffer.from(left), Buffer.from(right)];
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes);
}
