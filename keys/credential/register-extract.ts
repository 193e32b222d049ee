/**
 * An extract of an authority's register, signed by the authority: what it has issued and revoked, for the audit log of a
 * broker. The authority may be offline for months, so an extract says when each thing was done, and by whom.
 */
import * as z from 'zod';
import { MAX_REGISTER_CLAIM, MAX_REVOCATION_LIST_CHARACTERS, MAX_REVOCATION_REASON } from '../base/index.ts';
import { readIssuedToken } from './issued-token.ts';
import { NAME_PATTERN, ROLES, type Role } from './names.ts';
import { SIGNATURE_ALGORITHM, type SigningKey } from './signing-key.ts';
import type { Succession } from './succession.ts';
import { readTokenHeader } from './token.ts';
import type { TrustAnchor } from './trust-anchor.ts';

const EXTRACT_TYPE = 'argus-register+jws';

/** What led to a credential. */
export const ISSUE_CAUSES = ['APPROVED', 'ISSUED', 'RENEWED', 'ROTATED', 'TOKEN'] as const;
export type IssueCause = (typeof ISSUE_CAUSES)[number];

interface EntryTerms {
  /** Names this entry for ever. */
  readonly id: string;
  /** Seconds since 1970-01-01 UTC, by the authority's clock. */
  readonly at: number;
  /** Who did it, as the command at the authority claims; null in entries that are older than this claim. */
  readonly by: string | null;
}

export interface IssueEntry extends EntryTerms {
  readonly kind: 'issue';
  readonly cause: IssueCause;
  readonly role: Role;
  readonly name: string;
  readonly thumbprint: string;
  readonly generation: number;
  /** End of the credential, seconds since 1970-01-01 UTC. */
  readonly until: number;
  /** When the holder signed its request, by its own clock; null: there was none. */
  readonly requestedAt: number | null;
}

export interface RevokeEntry extends EntryTerms {
  readonly kind: 'revoke';
  /** Of the revocation list. */
  readonly serial: number;
  readonly reason: string;
  /** When the revocation begins and ends, seconds since 1970-01-01 UTC; `until` null: never. */
  readonly from: number;
  readonly until: number | null;
  /** One key, or a holder's keys up to a generation. */
  readonly thumbprint: string | null;
  readonly role: Role | null;
  readonly name: string | null;
  readonly generation: number | null;
}

export type RegisterEntry = IssueEntry | RevokeEntry;

const seconds = z.int().nonnegative();
const thumbprint = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const name = z.string().regex(NAME_PATTERN);
const terms = {
  id: z.string().min(1).max(MAX_REGISTER_CLAIM),
  at: seconds,
  by: z.string().max(MAX_REGISTER_CLAIM).nullable(),
};
const header = z.object({ alg: z.literal(SIGNATURE_ALGORITHM), typ: z.literal(EXTRACT_TYPE) });
const claims = z.strictObject({
  iss: thumbprint,
  entries: z.array(
    z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('issue'),
        ...terms,
        cause: z.enum(ISSUE_CAUSES),
        role: z.enum(ROLES),
        name,
        thumbprint,
        generation: seconds,
        until: seconds,
        requestedAt: seconds.nullable(),
      }),
      z.strictObject({
        kind: z.literal('revoke'),
        ...terms,
        serial: z.int().positive(),
        reason: z.string().max(MAX_REVOCATION_REASON),
        from: seconds,
        until: seconds.nullable(),
        thumbprint: thumbprint.nullable(),
        role: z.enum(ROLES).nullable(),
        name: name.nullable(),
        generation: seconds.nullable(),
      }),
    ]),
  ),
});

/** Only an authority calls this. */
export function signRegisterExtract(
  authority: SigningKey,
  entries: readonly RegisterEntry[],
  succession: Succession | null,
): Promise<string> {
  const header = { typ: EXTRACT_TYPE, ...(succession === null ? {} : { succession }) };
  return authority.signCompact(header, { iss: authority.thumbprint, entries });
}

/** @returns null when it is no extract, or not signed by this authority. Never throws, whatever the bytes. */
export async function verifyRegisterExtract(
  jws: string,
  authority: TrustAnchor,
): Promise<readonly RegisterEntry[] | null> {
  if (!header.safeParse(readTokenHeader(jws, MAX_REVOCATION_LIST_CHARACTERS)).success) return null;
  const signed = await readIssuedToken(jws, authority, true, MAX_REVOCATION_LIST_CHARACTERS);
  if (signed.outcome !== 'verified') return null;
  const parsed = claims.safeParse(signed.claims);
  return parsed.success && parsed.data.iss === signed.issuer ? parsed.data.entries : null;
}
