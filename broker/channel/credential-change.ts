/**
 * A change of credential inside a running session: the domain renewed its credential, or its key was rotated.
 *
 * The domain signs a statement with the key of the new credential. The statement names the transcript of this session,
 * so it proves possession of the key here and counts in no other session. The keys of the session stay: they do not
 * depend on the holder's key.
 */
import { z } from 'zod';
import type { Credential, Identity, TrustAnchor } from '../../keys/index.ts';
import { type HandshakeContext, type HandshakeResult, readStatement } from './handshake.ts';
import type { Session } from './session.ts';

const CHANGE_TYP = 'argus-credential-change+jws';

const changeClaims = z.strictObject({ session: z.string(), credential: z.string() });

export function signCredentialChange(identity: Identity, session: Pick<Session, 'transcript'>): Promise<string> {
  const { credentialJwt: credential } = identity;
  return identity.signStatement(CHANGE_TYP, { session: session.transcript, credential });
}

/** @param statement peer-controlled; never makes this throw */
export async function verifyCredentialChange(
  statement: string,
  session: Pick<Session, 'transcript' | 'peer'>,
  authority: TrustAnchor,
  context: HandshakeContext,
): Promise<HandshakeResult<Credential>> {
  const read = await readStatement(statement, CHANGE_TYP, 'domain', authority, context);
  if (!read.ok) return read;
  const { credential } = read.value;
  const claims = changeClaims.safeParse(read.value.claims);
  if (!claims.success) return { ok: false, fault: 'MALFORMED_STATEMENT' };
  if (claims.data.session !== session.transcript) return { ok: false, fault: 'WRONG_SESSION' };
  // A session never changes its holder: its rings, its share and its place belong to one name.
  if (credential.name !== session.peer.name) return { ok: false, fault: 'WRONG_PEER' };
  return { ok: true, value: credential };
}
