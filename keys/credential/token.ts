/** Reading a compact JWS that somebody else made: header and payload out, or null; whatever the bytes, never a throw. */
import { compactVerify, decodeProtectedHeader } from 'jose';
import { MAX_TOKEN_CHARACTERS } from '../base/index.ts';
import { SIGNATURE_ALGORITHM } from './signing-key.ts';
import type { TrustAnchor } from './trust-anchor.ts';

/**
 * Three parts of base64url, the last an Ed25519 signature: 64 bytes are 86 characters, the last of which has four spare
 * bits that must be zero. Decoders skip blanks and spare bits; RFC 7515 §2 allows neither, and one token with many
 * spellings would slip past whoever compares or counts tokens.
 */
const COMPACT_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]$/;

/** The length is looked at first: it is the peer's choice. */
function isCompactForm(token: string, maxCharacters: number): boolean {
  return token.length <= maxCharacters && COMPACT_FORM.test(token);
}

/** Before any signature: nothing in it may be believed. */
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

/** Signature first, JSON after: unauthenticated bytes reach no parser but base64url and the header's. */
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
