/**
 * Credentials: JWTs (RFC 7519) in which an authority says "the holder of this key is this name in this role, until
 * then".
 *
 * A credential is public, and useless alone: the holder that presents one must also sign with the key that its
 * `cnf.jkt` (RFC 7800, RFC 9449 §6.1) names.
 */
import * as z from 'zod';
import { readIssuedToken } from './issued-token.ts';
import { NAME_PATTERN, ROLES, type Role } from './names.ts';
import { SIGNATURE_ALGORITHM, type SigningKey } from './signing-key.ts';
import type { Succession } from './succession.ts';
import { readTokenHeader } from './token.ts';
import type { TrustAnchor } from './trust-anchor.ts';

export const CREDENTIAL_TYPE = 'argus-credential+jwt';
export const CREDENTIAL_AUDIENCE = 'argus';

/** The content of a verified credential. Times are seconds since 1970-01-01 UTC, as in the JWT. */
export interface Credential {
  /** Unique per credential. */
  readonly jti: string;
  /** Thumbprint of the authority. */
  readonly issuer: string;
  readonly name: string;
  readonly role: Role;
  /** RFC 7638 thumbprint of the holder's Ed25519 key (`cnf.jkt`). */
  readonly thumbprint: string;
  /** 1 for the first key of this holder, one more with each new key; 0 in credentials from before generations. */
  readonly generation: number;
  /** Serial of the revocation list when this was issued: a verifier with an older list knows that its list is stale. */
  readonly revocationSerial: number;
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
}

export type CredentialRefusal =
  /** Not a credential: wrong length, form, header, claim missing or of the wrong shape. */
  | 'MALFORMED'
  /** Not signed by this authority, or with another authority as its issuer. */
  | 'FOREIGN_AUTHORITY'
  /** A token that this authority made for another purpose. */
  | 'WRONG_AUDIENCE'
  | 'EXPIRED'
  /** Usually the clock of one side is wrong. */
  | 'NOT_YET_VALID'
  | 'WRONG_ROLE';

export type CredentialResult =
  | { readonly ok: true; readonly credential: Credential }
  /**
   * `refused`: the content of a refused credential with a good signature. For logs and messages only; never rely on it.
   */
  | { readonly ok: false; readonly reason: CredentialRefusal; readonly refused: Credential | null };

export interface VerifyCredentialOptions {
  /** Milliseconds since 1970-01-01 UTC, as of Date.now(). */
  readonly now: number;
  /** How far the clocks of issuer and verifier may differ, seconds. */
  readonly clockToleranceSeconds: number;
  /** Roles accepted here; all of them when absent. */
  readonly roles?: readonly Role[];
}

const thumbprint = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const seconds = z.int().nonnegative();
const header = z.object({ alg: z.literal(SIGNATURE_ALGORITHM), typ: z.literal(CREDENTIAL_TYPE) });

/** Unknown claims are ignored (RFC 7519 §4), so that later versions can add some. Earlier versions lack some claims. */
const claims = z
  .object({
    iss: thumbprint,
    aud: z.string(),
    sub: z.string().regex(NAME_PATTERN),
    role: z.enum(ROLES),
    cnf: z.object({ jkt: thumbprint }),
    iat: seconds,
    nbf: seconds,
    exp: seconds,
    jti: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    gen: z.int().nonnegative().default(0),
    rls: z.int().nonnegative().default(0),
  })
  .refine((each) => each.exp > each.nbf);

function refuse(reason: CredentialRefusal, refused: Credential | null = null): CredentialResult {
  return { ok: false, reason, refused };
}

/**
 * Order: length, header, signature, shape, issuer, audience, time, role. The result is a snapshot: the token is read
 * only once. This does not check revocation: a program with a revocation list checks it after the holder has signed.
 *
 * @param jwt peer-controlled; never makes this throw
 */
export async function verifyCredential(
  jwt: string,
  authority: TrustAnchor,
  options: VerifyCredentialOptions,
): Promise<CredentialResult> {
  if (!header.safeParse(readTokenHeader(jwt)).success) return refuse('MALFORMED');
  const { predecessor } = authority;
  const isOverlap = predecessor !== null && predecessor.until > Math.floor(options.now / 1000);
  const signed = await readIssuedToken(jwt, authority, isOverlap);
  if (signed.outcome === 'bad-signature') return refuse('FOREIGN_AUTHORITY');
  if (signed.outcome === 'malformed') return refuse('MALFORMED');
  const parsed = claims.safeParse(signed.claims);
  if (!parsed.success) return refuse('MALFORMED');
  const { iss, aud, sub, role, cnf, iat, nbf, exp, jti, gen, rls } = parsed.data;
  const credential: Credential = Object.freeze({
    jti,
    issuer: iss,
    name: sub,
    role,
    thumbprint: cnf.jkt,
    generation: gen,
    revocationSerial: rls,
    issuedAt: iat,
    notBefore: nbf,
    expiresAt: exp,
  });
  const refusal = refusalOf(credential, aud, signed.issuer, options);
  return refusal === null ? { ok: true, credential } : refuse(refusal, credential);
}

function refusalOf(
  credential: Credential,
  audience: string,
  signer: string,
  options: VerifyCredentialOptions,
): CredentialRefusal | null {
  if (credential.issuer !== signer) return 'FOREIGN_AUTHORITY';
  if (audience !== CREDENTIAL_AUDIENCE) return 'WRONG_AUDIENCE';
  const now = Math.floor(options.now / 1000);
  if (credential.expiresAt + options.clockToleranceSeconds <= now) return 'EXPIRED';
  // A future issue time has the same cause as a future start of validity: a wrong clock.
  const startsAt = Math.max(credential.notBefore, credential.issuedAt);
  if (startsAt - options.clockToleranceSeconds > now) return 'NOT_YET_VALID';
  if (options.roles !== undefined && !options.roles.includes(credential.role)) return 'WRONG_ROLE';
  return null;
}

/** Only an authority calls this: the inverse of `verifyCredential`. */
export function signCredential(
  authority: SigningKey,
  credential: Credential,
  succession: Succession | null = null,
): Promise<string> {
  return authority.signCompact(
    { typ: CREDENTIAL_TYPE, ...(succession === null ? {} : { succession }) },
    {
      iss: credential.issuer,
      aud: CREDENTIAL_AUDIENCE,
      sub: credential.name,
      role: credential.role,
      cnf: { jkt: credential.thumbprint },
      iat: credential.issuedAt,
      nbf: credential.notBefore,
      exp: credential.expiresAt,
      jti: credential.jti,
      gen: credential.generation,
      rls: credential.revocationSerial,
    },
  );
}
