/**
 * The revocation list: the keys that an authority has revoked. The list is signed, so an edited or forged list is
 * noticed. It has a serial that only grows, so a reader that has seen a newer list notices an older one.
 *
 * An entry revokes one key (by thumbprint), or every key of a holder up to a generation. The second form retires old
 * keys when a new one is issued, without a list of thumbprints.
 */
import * as z from 'zod';
import { MAX_REVOCATION_LIST_CHARACTERS, MAX_REVOCATION_REASON } from '../base/index.ts';
import type { Credential } from './credential.ts';
import { readIssuedToken } from './issued-token.ts';
import { NAME_PATTERN, ROLES, type Role } from './names.ts';
import { SIGNATURE_ALGORITHM, type SigningKey } from './signing-key.ts';
import type { Succession } from './succession.ts';
import { readTokenHeader } from './token.ts';
import type { TrustAnchor } from './trust-anchor.ts';

const REVOCATIONS_TYPE = 'argus-revocations+jws';

/** Times are seconds since 1970-01-01 UTC. */
interface RevocationTerms {
  readonly reason: string;
  /** Start of the revocation: now, or later when a rotation gives the holder time to switch keys. */
  readonly at: number;
  /** End of the revocation, for a device that may be found again; null = permanent. */
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
  /** Grows by one with each change. 0 = there has never been a list. */
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

/** Strict: an unknown entry must not be ignored, because it would then revoke nothing. */
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

/** Only an authority calls this. */
export function signRevocationList(
  authority: SigningKey,
  list: RevocationList,
  succession: Succession | null = null,
): Promise<string> {
  const { issuer, serial, issuedAt, entries } = list;
  const header = { typ: REVOCATIONS_TYPE, ...(succession === null ? {} : { succession }) };
  return authority.signCompact(header, { iss: issuer, iat: issuedAt, serial, entries });
}

/**
 * @param acceptsPredecessor for the list that a broker stored before its authority got a new key
 * @returns null when it is not a list, or not signed by this authority. Never throws, whatever the bytes.
 */
export async function verifyRevocationList(
  jws: string,
  authority: TrustAnchor,
  acceptsPredecessor = false,
): Promise<RevocationList | null> {
  if (!header.safeParse(readTokenHeader(jws, MAX_REVOCATION_LIST_CHARACTERS)).success) return null;
  const signed = await readIssuedToken(jws, authority, acceptsPredecessor, MAX_REVOCATION_LIST_CHARACTERS);
  if (signed.outcome !== 'verified') return null;
  const parsed = claims.safeParse(signed.claims);
  if (!parsed.success || parsed.data.iss !== signed.issuer) return null;
  const { iss, iat, serial, entries } = parsed.data;
  return Object.freeze({ issuer: iss, serial, issuedAt: iat, entries: Object.freeze(entries) });
}

/** @param now seconds @returns the entry that revokes this credential now, or null */
export function findRevocation(list: RevocationList, credential: Credential, now: number): Revocation | null {
  const index = indexOf(list);
  const about = [...(index.get(credential.thumbprint) ?? []), ...(index.get(holderIn(credential)) ?? [])];
  return about.find((entry) => isInForce(entry, now) && isHit(entry, credential)) ?? null;
}

/** True when the list revokes this key by its thumbprint. @param now seconds */
export function revokesKey(list: RevocationList, thumbprint: string, now: number): boolean {
  return (indexOf(list).get(thumbprint) ?? []).some((entry) => isInForce(entry, now));
}

type Index = ReadonlyMap<string, readonly Revocation[]>;

/** A list never changes. A new one is asked about each open session at once, and it may have thousands of entries. */
const indexes = new WeakMap<RevocationList, Index>();

/** Entries by thumbprint, and by role and name. A thumbprint never holds a slash. */
function indexOf(list: RevocationList): Index {
  const known = indexes.get(list);
  if (known !== undefined) return known;
  const index = new Map<string, Revocation[]>();
  for (const entry of list.entries) {
    const key = entry.target === 'key' ? entry.thumbprint : holderIn(entry);
    const about = index.get(key);
    if (about === undefined) index.set(key, [entry]);
    else about.push(entry);
  }
  indexes.set(list, index);
  return index;
}

function holderIn({ role, name }: { readonly role: Role; readonly name: string }): string {
  return `${role}/${name}`;
}

function isInForce(entry: Revocation, now: number): boolean {
  return entry.at <= now && (entry.until === null || now < entry.until);
}

function isHit(entry: Revocation, credential: Credential): boolean {
  if (entry.target === 'key') return entry.thumbprint === credential.thumbprint;
  return entry.name === credential.name && entry.role === credential.role && credential.generation <= entry.generation;
}
