/**
 * Whose key cosigns: a witness of the key hierarchy has a credential with the role witness, as an auditor has one. The
 * witness serves its credential and its public key; both are public, and neither is believed before it was verified.
 */
import { z } from 'zod';
import {
  type Credential,
  parsePublicJwk,
  type TrustAnchor,
  thumbprintOf,
  verifyCredential,
} from '../../../keys/index.ts';
import { SIGNATURE_COSIGNATURE, type VerifierKey, verifierKey } from '../../audit/index.ts';
import { CLOCK_TOLERANCE_SECONDS } from '../../process/index.ts';

export type WitnessVerdict =
  | { readonly ok: true; readonly credential: Credential; readonly key: VerifierKey }
  | { readonly ok: false; readonly reason: string };

const served = z.object({ credential: z.string(), publicJwk: z.unknown() });

/**
 * @param text what the witness serves
 * @param now milliseconds
 * @returns the key under the name of its credential, or why it is not accepted. Never throws, whatever the text.
 */
export async function verifyWitness(text: string, authority: TrustAnchor, now: number): Promise<WitnessVerdict> {
  const parsed = served.safeParse(parseJson(text));
  const jwk = parsePublicJwk(parsed.data?.publicJwk);
  if (!parsed.success || jwk === null) return { ok: false, reason: 'it serves no credential' };
  const options = { now, clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS, roles: ['witness'] } as const;
  const result = await verifyCredential(parsed.data.credential, authority, options);
  if (!result.ok) {
    const whose = result.refused === null ? 'its credential' : `"${result.refused.name}" (${result.refused.role})`;
    return { ok: false, reason: `${whose} is refused: ${result.reason}` };
  }
  const { credential } = result;
  if ((await thumbprintOf(jwk)) !== credential.thumbprint)
    return { ok: false, reason: `its public key is not that of "${credential.name}"` };
  const key = verifierKey(credential.name, SIGNATURE_COSIGNATURE, Buffer.from(jwk.x, 'base64url'));
  return { ok: true, credential, key };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the same as no credential.
    return null;
  }
}
