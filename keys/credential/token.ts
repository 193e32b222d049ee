/**
 * Reads a compact JWS from another program: returns the header or the payload, or null. Never throws, whatever the
 * bytes.
 */
import { compactVerify, decodeProtectedHeader } from 'jose';
import { MAX_TOKEN_CHARACTERS } from '../base/index.ts';
import { SIGNATURE_ALGORITHM } from './signing-key.ts';
import type { TrustAnchor } from './trust-anchor.ts';

/**
 * Three parts in base64url. The last is an Ed25519 signature: 64 bytes are 86 characters, and the last character has
 * four spare bits that must be zero. Decoders skip blanks and spare bits, but RFC 7515 §2 allows neither. A token with
 * several spellings would defeat code that compares or counts tokens.
 */
const COMPACT_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]$/;

/** Checks the length first, because the peer chooses it. */
function isCompactForm(token: string, maxCharacters: number): boolean {
  return token.length <= maxCharacters && COMPACT_FORM.test(token);
}

/** Reads the header before any signature check, so nothing in it is authenticated. */
export function readTokenHeader(token: string, maxCharacters = MAX_TOKEN_CHARACTERS): unknown {
  if (!isCompactForm(token, maxCharacters)) return null;
  try {
    return decodeProtectedHeader(token);
  } catch {
    return null;
  }
}

export type VerifiedPayload =
  | { readonly outcome: 'verified'; readonly claims: unknown }
  | { readonly outcome: 'bad-signature' }
  | { readonly outcome: 'malformed' };

/** Checks the signature before it parses the payload: only base64url and the header are parsed unauthenticated. */
export async function readSignedClaims(
  token: string,
  key: TrustAnchor['publicKey'],
  maxCharacters = MAX_TOKEN_CHARACTERS,
): Promise<VerifiedPayload> {
  if (!isCompactForm(token, maxCharacters)) return { outcome: 'malformed' };
  let payload: Uint8Array;
  try {
    payload = (await compactVerify(token, key, { algorithms: [SIGNATURE_ALGORITHM] })).payload;
  } catch (error) {
    return { outcome: isSignatureFailure(error) ? 'bad-signature' : 'malformed' };
  }
  try {
    return { outcome: 'verified', claims: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) };
  } catch {
    return { outcome: 'malformed' };
  }
}

function isSignatureFailure(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED';
}
