/** Reads a token that an authority signed: by the key of the trust anchor, or by a key that this key vouches for. */
import { Remembered } from './remembered.ts';
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

type Signer = Pick<TrustAnchor, 'publicKey' | 'thumbprint'>;

/** The claims of tokens that the key has signed, by the token's whole text. The caller checks time and revocation. */
const signedTokens = new WeakMap<TrustAnchor['publicKey'], Remembered<object>>();

async function signedBy(token: string, signer: Signer, maxCharacters?: number): Promise<IssuedToken> {
  const { publicKey, thumbprint } = signer;
  const known = signedTokens.get(publicKey)?.get(token);
  if (known !== undefined) return { outcome: 'verified', claims: known, issuer: thumbprint };
  const signed = await readSignedClaims(token, publicKey, maxCharacters);
  if (signed.outcome !== 'verified') return signed;
  if (maxCharacters === undefined) remember(token, publicKey, signed.claims);
  return { ...signed, issuer: thumbprint };
}

function remember(token: string, key: TrustAnchor['publicKey'], claims: unknown): void {
  if (typeof claims !== 'object' || claims === null) return;
  const tokens = signedTokens.get(key) ?? new Remembered<object>();
  signedTokens.set(key, tokens);
  tokens.set(token, claims);
}
