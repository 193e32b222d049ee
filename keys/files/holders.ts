/** The holders, their keys and the expiry of each key, from the register of an authority. Holds no secret. */
import { findRevocation, type Role } from '../credential/index.ts';
import type { Authority } from './authority.ts';

export type HolderState = 'valid' | 'expired' | 'revoked';

/** One key of one holder, with the newest credential for it. Times are seconds since 1970-01-01 UTC. */
export interface HolderKey {
  readonly role: Role;
  readonly name: string;
  readonly thumbprint: string;
  readonly generation: number;
  /** How many credentials were signed for this key. */
  readonly credentials: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly state: HolderState;
  /** Reason and end of its revocation (null = permanent); null when it is not revoked. */
  readonly revocation: { readonly reason: string; readonly until: number | null } | null;
}

/**
 * In the order in which the keys were first signed. @param now milliseconds, as of Date.now() @throws KeyError
 * ERR_KEY_FILE_…
 */
export async function listHolders(authority: Authority, now: number): Promise<readonly HolderKey[]> {
  const seconds = Math.floor(now / 1000);
  const { list } = await authority.revocations(now);
  const keys = new Map<string, HolderKey>();
  for (const { role, name, thumbprint, gen, iat, exp, jti } of await authority.issued()) {
    const id = `${role}/${name}/${thumbprint}`;
    const credential = {
      jti,
      issuer: authority.thumbprint,
      role,
      name,
      thumbprint,
      generation: gen,
      revocationSerial: 0,
      issuedAt: iat,
      notBefore: iat,
      expiresAt: exp,
    };
    const revocation = findRevocation(list, credential, seconds);
    const lapsed: HolderState = exp <= seconds ? 'expired' : 'valid';
    keys.set(id, {
      role,
      name,
      thumbprint,
      generation: gen,
      credentials: (keys.get(id)?.credentials ?? 0) + 1,
      issuedAt: iat,
      expiresAt: exp,
      state: revocation === null ? lapsed : 'revoked',
      revocation: revocation === null ? null : { reason: revocation.reason, until: revocation.until },
    });
  }
  return [...keys.values()];
}
