/**
 * What a broker has in force, as a row of the bucket. The broker signs it: a server can withhold a row or show an older
 * one, and its time says how old it is.
 */
import * as z from 'zod';
import { type Identity, type TrustAnchor, verifyCredential, verifyStatement } from '../../../../keys/index.ts';
import { CLOCK_TOLERANCE_SECONDS, MAX_STANDING_TEXT } from '../../../process/index.ts';

const TYP = 'argus-policy-standing';
const FORMAT = 'argus-policy-standing/1';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const claims = z.strictObject({
  /** Milliseconds since 1970-01-01 UTC, by the broker's clock. */
  at: z.int().nonnegative(),
  /** Each broker counts its own revisions. */
  revision: z.int().nonnegative(),
  /** Hash over the six files in force. */
  policy: hash,
  /** Version of the bundle in force; null: none. */
  version: z.int().positive().nullable(),
  /** RFC 3339; null: no bundle is in force. */
  expiresAt: z.string().max(32).nullable(),
  /** Why the bundle of the bucket is not in force; null: it is. */
  refusal: z.strictObject({ code: z.string().max(64), message: z.string() }).nullable(),
});
const row = z.strictObject({ format: z.literal(FORMAT), credential: z.string(), statement: z.string() });

export type Standing = z.output<typeof claims>;

export async function encodeStanding(
  identity: Pick<Identity, 'credentialJwt' | 'signStatement'>,
  standing: Standing,
): Promise<string> {
  const { refusal } = standing;
  const short = refusal === null ? null : { ...refusal, message: refusal.message.slice(0, MAX_STANDING_TEXT) };
  const statement = await identity.signStatement(TYP, { ...standing, refusal: short });
  return JSON.stringify({ format: FORMAT, credential: identity.credentialJwt, statement });
}

/**
 * Null when it is not a row that this broker has signed. Never throws, whatever the text.
 *
 * @param broker the broker whose row it should be, by the key of the bucket
 */
export async function decodeStanding(
  text: string,
  broker: string,
  authority: TrustAnchor,
  now: number,
): Promise<Standing | null> {
  const parsed = row.safeParse(parseJson(text));
  if (!parsed.success) return null;
  const options = { now, clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS, roles: ['broker'] as const };
  const verdict = await verifyCredential(parsed.data.credential, authority, options);
  // The key of the bucket is the server's word; the name in the credential is the authority's.
  if (!verdict.ok || verdict.credential.name !== broker) return null;
  const said = claims.safeParse(await verifyStatement(parsed.data.statement, TYP, verdict.credential));
  return said.success ? said.data : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
