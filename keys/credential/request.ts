/**
 * A request for a credential: a holder signs its name, its role and its public key, which proves that it has the
 * private key. The request holds no secret. The authority still decides by the thumbprint, because any key can sign any
 * name.
 */
import * as z from 'zod';
import type { PublicJwk } from './jwk.ts';
import { NAME_PATTERN, ROLES, type Role } from './names.ts';
import type { SigningKey } from './signing-key.ts';
import { verifyEmbedded } from './statement.ts';

const REQUEST_TYPE = 'argus-request+jws';

const claims = z.strictObject({
  name: z.string().regex(NAME_PATTERN),
  role: z.enum(ROLES),
  iat: z.int().nonnegative(),
});

export interface CredentialRequest {
  readonly name: string;
  readonly role: Role;
  readonly publicJwk: PublicJwk;
  /** RFC 7638. The people at both ends compare it. */
  readonly thumbprint: string;
  /** Seconds since 1970-01-01 UTC, by the holder's clock. */
  readonly requestedAt: number;
}

/** @param now seconds */
export function signRequest(key: SigningKey, name: string, role: Role, now: number): Promise<string> {
  return key.signCompact({ typ: REQUEST_TYPE, jwk: key.publicJwk }, { name, role, iat: now });
}

/**
 * @returns null when it is not a request, or not signed with the key that it names. Never throws, whatever the bytes.
 */
export async function verifyRequest(jws: string): Promise<CredentialRequest | null> {
  const signed = await verifyEmbedded(jws, REQUEST_TYPE);
  const parsed = claims.safeParse(signed?.claims);
  if (signed === null || !parsed.success) return null;
  const { name, role, iat } = parsed.data;
  return { name, role, publicJwk: signed.publicJwk, thumbprint: signed.thumbprint, requestedAt: iat };
}
