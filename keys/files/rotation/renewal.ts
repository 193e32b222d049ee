/**
 * Renewal of a credential by an authority that is online: the same key, name, role and generation for another term.
 *
 * The authority gives nothing that the holder did not have: no other key, no longer term, and nothing before two thirds
 * of the term are over. So a hostile domain cannot fill the register, and a thief gets no more than the key he has.
 */
import { CLOCK_TOLERANCE_SECONDS, KeyError, RENEWAL_SHARE } from '../../base/index.ts';
import { type Credential, parsePublicJwk, thumbprintOf, verifyCredential } from '../../credential/index.ts';
import type { Authority } from '../authority.ts';
import { putCredential } from '../enrolment.ts';
import { acceptCredential, assertHolder, loadIdentity, verifyOwnCredential } from '../identity.ts';
import { identityLayout } from '../layout.ts';

export interface RenewalRequest {
  /** The domain that asks, as the broker has authenticated it. */
  readonly name: string;
  /** From the domain. */
  readonly credentialJwt: string;
  readonly publicJwk: unknown;
}

export type RenewalRefusal =
  | 'NOT_A_CREDENTIAL'
  | 'NOT_A_DOMAIN'
  | 'OTHER_NAME'
  | 'OTHER_KEY'
  | 'OLD_KEY'
  | 'TOO_EARLY'
  | 'REVOKED';

export type RenewalResult =
  | { readonly ok: true; readonly credentialJwt: string; readonly credential: Credential }
  | { readonly ok: false; readonly reason: RenewalRefusal };

/** Seconds before its end at which a credential may be renewed. */
export function renewalTime({ notBefore, expiresAt }: Pick<Credential, 'notBefore' | 'expiresAt'>): number {
  return Math.floor((expiresAt - notBefore) * RENEWAL_SHARE);
}

/**
 * Never rejects because of the request's content. One at a time for each authority.
 *
 * @throws KeyError ERR_KEY_FILE_IO
 */
export async function renewCredential(
  authority: Authority,
  { name, credentialJwt, publicJwk: given }: RenewalRequest,
  now = Date.now(),
): Promise<RenewalResult> {
  const options = { now, clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS };
  const verified = await verifyCredential(credentialJwt, authority.public, options);
  if (!verified.ok) return refuse('NOT_A_CREDENTIAL');
  const { credential } = verified;
  if (credential.role !== 'domain') return refuse('NOT_A_DOMAIN');
  if (credential.name !== name) return refuse('OTHER_NAME');
  const publicJwk = parsePublicJwk(given);
  if (publicJwk === null || (await thumbprintOf(publicJwk)) !== credential.thumbprint) return refuse('OTHER_KEY');
  const newest = (await authority.issued()).findLast((each) => each.role === 'domain' && each.name === name);
  // Also when the register was lost: signing for an unknown key would retire the key that the register knows.
  if (newest?.thumbprint !== credential.thumbprint) return refuse('OLD_KEY');
  // The end of the newest credential, and not of the presented one: each is renewed once.
  if (newest.exp - now / 1000 > renewalTime(credential)) return refuse('TOO_EARLY');
  const ttlSeconds = credential.expiresAt - credential.notBefore;
  try {
    return { ok: true, ...(await authority.issue({ name, role: 'domain', publicJwk, ttlSeconds, now })) };
  } catch (error) {
    if (error instanceof KeyError && error.code === 'ERR_KEY_REVOKED') return refuse('REVOKED');
    throw error;
  }
}

function refuse(reason: RenewalRefusal): RenewalResult {
  return { ok: false, reason };
}

/**
 * Puts a renewed credential into the directory of its holder, if it is one: by the authority of the directory, for the
 * same key, name and role.
 *
 * @param jwt from the network; a wrong one changes nothing
 * @throws KeyError ERR_KEY_CREDENTIAL_…, ERR_KEY_MISMATCH, ERR_KEY_FILE_…
 */
export async function installRenewal(dir: string, jwt: string, now = Date.now()): Promise<Credential> {
  const identity = await loadIdentity(dir, { now });
  const credential = acceptCredential(dir, await verifyOwnCredential(jwt, identity.authority, now));
  assertHolder(dir, identity.thumbprint, credential);
  if (credential.name !== identity.name || credential.role !== identity.role)
    throw new KeyError(
      'ERR_KEY_MISMATCH',
      `the renewed credential is for ${credential.role} "${credential.name}", not for ${identity.role} "${identity.name}"`,
    );
  await putCredential(identityLayout(dir), jwt, identity.authority);
  return credential;
}
