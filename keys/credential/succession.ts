/**
 * The succession of an authority: its old key and its new key both sign one note that names them.
 *
 * Each token of the new key carries both signatures in its header. So there is no day on which all holders have to
 * change their trust anchor: a holder that trusts the old key learns the new key from the first such token, and a
 * holder that trusts the new key accepts tokens of the old key until the overlap ends.
 */
import * as z from 'zod';
import { type PublicJwk, parsePublicJwk, thumbprintOf } from './jwk.ts';
import { SIGNATURE_ALGORITHM, type SigningKey } from './signing-key.ts';
import { readSignedClaims, readTokenHeader } from './token.ts';
import { importTrustAnchor, type Predecessor, type TrustAnchor } from './trust-anchor.ts';

const SUCCESSION_TYPE = 'argus-succession+jws';

/** One note, signed by both keys. */
export interface Succession {
  readonly byOld: string;
  readonly byNew: string;
}

export interface SuccessionTerms {
  /** Seconds since 1970-01-01 UTC. */
  readonly at: number;
  /** The end of the overlap: from then on, tokens of the old key are refused by holders that trust the new key. */
  readonly until: number;
}

const header = z.object({ alg: z.literal(SIGNATURE_ALGORITHM), typ: z.literal(SUCCESSION_TYPE) });
const seconds = z.int().nonnegative();
const note = z.strictObject({ old: z.unknown(), new: z.unknown(), iat: seconds, until: seconds });
const carried = z.object({ succession: z.object({ byOld: z.string(), byNew: z.string() }) });

type Signer = Pick<SigningKey, 'publicJwk' | 'signCompact'>;

export async function signSuccession(older: Signer, newer: Signer, terms: SuccessionTerms): Promise<Succession> {
  const claims = { old: older.publicJwk, new: newer.publicJwk, iat: terms.at, until: terms.until };
  const header = { typ: SUCCESSION_TYPE };
  return { byOld: await older.signCompact(header, claims), byNew: await newer.signCompact(header, claims) };
}

/** @returns the succession in the header of a token, which nothing has authenticated yet; null when there is none */
export function carriedSuccession(token: string, maxCharacters?: number): Succession | null {
  return carried.safeParse(readTokenHeader(token, maxCharacters)).data?.succession ?? null;
}

/** @returns the new key, when the key of `anchor` has signed that this one follows it */
export async function successorOf(anchor: TrustAnchor, { byOld }: Succession): Promise<TrustAnchor | null> {
  const signed = await readNote(byOld, anchor);
  if (signed === null || (await thumbprintOf(signed.old)) !== anchor.thumbprint) return null;
  return importTrustAnchor(signed.new);
}

/** @returns the old key and the end of its overlap, when the key of `anchor` has signed that it follows this one */
export async function predecessorOf(anchor: TrustAnchor, { byNew }: Succession): Promise<Predecessor | null> {
  const signed = await readNote(byNew, anchor);
  if (signed === null || (await thumbprintOf(signed.new)) !== anchor.thumbprint) return null;
  const older = await importTrustAnchor(signed.old);
  return older === null ? null : { thumbprint: older.thumbprint, publicKey: older.publicKey, until: signed.until };
}

interface Note {
  readonly old: PublicJwk;
  readonly new: PublicJwk;
  readonly until: number;
}

async function readNote(jws: string, signer: TrustAnchor): Promise<Note | null> {
  if (!header.safeParse(readTokenHeader(jws)).success) return null;
  const signed = await readSignedClaims(jws, signer.publicKey);
  const parsed = note.safeParse(signed.outcome === 'verified' ? signed.claims : null);
  const [older, newer] = [parsePublicJwk(parsed.data?.old), parsePublicJwk(parsed.data?.new)];
  if (!parsed.success || older === null || newer === null) return null;
  return { old: older, new: newer, until: parsed.data.until };
}
