/** Reads a token that an authority signed: by the key of the trust anchor, or by a key that this key vouches for. */
import { carriedSuccession, successorOf } from './succession.ts';
import { readSignedClaims, type VerifiedPayload } from './token.ts';
import type { TrustAnchor } from './trust-anchor.ts';

export type IssuedToken =
  /** `issuer`: thumbprint of the key that signed. */
  | { readonly outcome: 'verified'; readonly claims: unknown; readonly issuer: string }
  | Exclude<VerifiedPayload, { readonly outcome: 'verified' }>;

/**
 * Tries the key of the trust anchor first, then its predecessor, then the successor that the token itself proves.
 *
 * @param acceptsPredecessor false after the overlap, and where a newer token must exist
 */
export async function readIssuedToken(
  token: string,
  anchor: TrustAnchor,
  acceptsPredecessor: boolean,
  maxCharacters?: number,
): Promise<IssuedToken> {
  const own = await signedBy(token, anchor, maxCharacters);
  if (own.outcome !== 'bad-signature') return own;
  if (acceptsPredecessor && anchor.predecessor !== null) {
    const older = await signedBy(token, anchor.predecessor, maxCharacters);
    if (older.outcome === 'verified') return older;
  }
  const succession = carriedSuccession(token, maxCharacters);
  const successor = succession === null ? null : await successorOf(anchor, succession);
  return successor === null ? own : signedBy(token, successor, maxCharacters);
}

async function signedBy(
  token: string,
  { publicKey, thumbprint }: Pick<TrustAnchor, 'publicKey' | 'thumbprint'>,
  maxCharacters?: number,
): Promise<IssuedToken> {
  const signed = await readSignedClaims(token, publicKey, maxCharacters);
  return signed.outcome === 'verified' ? { ...signed, issuer: thumbprint } : signed;
}
