/**
 * The revocation list: what an authority says about keys that count no more. It is signed and carries a serial that only
 * grows, so a list that was edited, forged or put back is noticed by every reader that has seen a newer one.
 *
 * An entry hits one key (by thumbprint), or every key that a holder had up to a generation. The second form is what
 * retires old keys when a new one is issued, and it needs no list of thumbprints.
 */
import * as z from 'zod';
import { MAX_REVOCATION_LIST_CHARACTERS, MAX_REVOCATION_REASON } from '../base/index.ts';
import type { Credential } from './credential.ts';
import { NAME_PATTERN, ROLES, type Role } from './names.ts';
import { SIGNATURE_ALGORITHM, type SigningKey } from './signing-key.ts';
import { readSignedClaims, readTokenHeader } from './token.ts';
import type { TrustAnchor } from './trust-anchor.ts';

const REVOCATIONS_TYPE = 'argus-revocations+jws';

/** Times are seconds since 1970-01-01 UTC. */
interface RevocationTerms {
  readonly reason: string;
  /** From when it counts: now, or later where a rotation gives the holder time to change over. */
  readonly at: number;
  /** Until when, for a device that was mislaid; null = for good. */
  readonly until: number | null;
}

export interface KeyRevocation extends RevocationTerms {
  readonly target: 'key';
  readonly thumbprint: string;
}

export interface HolderRevocation extends RevocationTerms {
  readonly target: 'holder';
  readonly role: Role;
  readonly name: string;
  /** This generation and all before it. */
  readonly generation: number;
}

export type Revocation = KeyRevocation | HolderRevocation;

export interface RevocationList {
  /** Thumbprint of the authority. */
  readonly issuer: string;
  /** 0 = there was never a list; one more with each change. */
  readonly serial: number;
  readonly issuedAt: number;
  readonly entries: readonly Revocation[];
}

const seconds = z.int().nonnegative();
const terms = {
  reason: z.string().max(MAX_REVOCATION_REASON),
  at: seconds,
  until: seconds.nullable(),
};
const thumbprint = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const header = z.object({ alg: z.literal(SIGNATURE_ALGORITHM), typ: z.literal(REVOCATIONS_TYPE) });

/** Strict: an entry that is not understood would be an entry that is not obeyed. */
const claims = z.strictObject({
  iss: thumbprint,
  iat: seconds,
  serial: z.int().positive(),
  entries: z.array(
    z.discriminatedUnion('target', [
      z.strictObject({ target: z.literal('key'), thumbprint, ...terms }),
      z.strictObject({
        target: z.literal('holder'),
        role: z.enum(ROLES),
        name: z.string().regex(NAME_PATTERN),
        generation: z.int().nonnegative(),
        ...terms,
      }),
    ]),
  ),
});

export function emptyRevocationList(issuer: string): RevocationList {
  return { issuer, serial: 0, issuedAt: 0, entries: [] };
}

/** For the authority alone. */
export function signRevocationList(authority: SigningKey, list: RevocationList): Promise<string> {
  const { issuer, serial, issuedAt, entries } = list;
  return authority.signCompact({ typ: REVOCATIONS_TYPE }, { iss: issuer, iat: issuedAt, serial, entries });
}

/** @returns null when it is not a list, or not signed by this authority; whatever the bytes, never a throw */
export async function verifyRevocationList(jws: string, authority: TrustAnchor): Promise<RevocationList | null> {
  if (!header.safeParse(readTokenHeader(jws, MAX_REVOCATION_LIST_CHARACTERS)).success) return null;
  const signed = await readSignedClaims(jws, authority.publicKey, MAX_REVOCATION_LIST_CHARACTERS);
  if (signed.outcome !== 'verified') return null;
  const parsed = claims.safeParse(signed.claims);
  if (!parsed.success || parsed.data.iss !== authority.thumbprint) return null;
  const { iss, iat, serial, entries } = parsed.data;
  return Object.freeze({ issuer: iss, serial, issuedAt: iat, entries: Object.freeze(entries) });
}

/** @param now seconds @returns the entry that hits this credential now, or null */
export function findRevocation(list: RevocationList, credential: Credential, now: number): Revocation | null {
  return list.entries.find((entry) => isInForce(entry, now) && isHit(entry, credential)) ?? null;
}

function isInForce(entry: Revocation, now: number): boolean {
  return entry.at <= now && (entry.until === null || now < entry.until);
}

function isHit(entry: Revocation, credential: Credential): boolean {
  if (entry.target === 'key') return entry.thumbprint === credential.thumbprint;
  return entry.name === credential.name && entry.role === credential.role && credential.generation <= entry.generation;
}
