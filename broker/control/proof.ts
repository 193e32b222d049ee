/**
 * The proof that a request at the control socket comes from the holder of a key: a credential and a statement about
 * this one request, both in headers.
 *
 * The statement names the method, the path, the SHA-256 of the body and a challenge that the broker made for this
 * connection. So it is good for one request only, and no clock is needed to tell an old one.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Credential, type Identity, verifyStatement } from '../../keys/index.ts';

export const HOLDER_HEADER = 'argus-credential';
export const PROOF_HEADER = 'argus-proof';
/** Answers with a challenge for the next request of the same connection. */
export const CHALLENGE_PATH = '/v1/challenge';

const PROOF_TYPE = 'argus-control+jws';

const claims = z.strictObject({ challenge: z.string(), method: z.string(), path: z.string(), body: z.string() });

export type ProofClaims = Readonly<z.infer<typeof claims>>;

/** base64url of the SHA-256 of a body; an absent body has no bytes. */
export function digestOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('base64url');
}

export async function proofHeaders(
  identity: Identity,
  request: ProofClaims,
): Promise<Readonly<Record<string, string>>> {
  return {
    [HOLDER_HEADER]: identity.credentialJwt,
    [PROOF_HEADER]: await identity.signStatement(PROOF_TYPE, request),
  };
}

/** @param proof from the client; null: the holder of this credential has not signed it, or it has another shape */
export async function readProof(proof: string, credential: Credential): Promise<ProofClaims | null> {
  const read = claims.safeParse(await verifyStatement(proof, PROOF_TYPE, credential));
  return read.success ? read.data : null;
}
