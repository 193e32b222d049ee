/** Describes a directory of keys, and whether it can be used, for people to read. Holds no secret. */

import { KeyError } from '../base/index.ts';
import { type Credential, thumbprintOf } from '../credential/index.ts';
import { openAuthority } from './authority.ts';
import { loadIdentity, verifyOwnCredential } from './identity.ts';
import { readPublicJwk, readTrustAnchor } from './jwk-files.ts';
import { assertKeyDirectory, isPresent, readKeyFile } from './key-files.ts';
import { authorityLayout, identityLayout } from './layout.ts';
import { RevocationStore } from './revocation-store.ts';

export interface KeyProblem {
  /** A KeyErrorCode. */
  readonly code: string;
  readonly message: string;
}

export interface IdentityDescription {
  readonly kind: 'identity';
  readonly directory: string;
  /** From enrolment; null when the key file does not say. */
  readonly name: string | null;
  readonly thumbprint: string;
  /** null while there is no credential, or no credential with its authority's signature. */
  readonly credential: Credential | null;
  /** The reason why a program could not start with this identity now; null when it could. */
  readonly problem: KeyProblem | null;
}

export interface AuthorityDescription {
  readonly kind: 'authority';
  readonly directory: string;
  readonly thumbprint: string;
  /** The reason why `issue` would fail now; null when it would not. */
  readonly problem: KeyProblem | null;
}

export type KeyDirectoryDescription = IdentityDescription | AuthorityDescription;

/**
 * Reads the public files. Loads the private key only to report its problems.
 *
 * @param now milliseconds, as of Date.now()
 * @throws KeyError ERR_KEY_FILE_MISSING when `dir` is neither an identity nor an authority
 */
export async function describeKeyDirectory(dir: string, now: number): Promise<KeyDirectoryDescription> {
  const hint = `make an identity with: argus keys enrol ${dir} --name NAME, or an authority with: argus keys init ${dir}`;
  await assertKeyDirectory(dir, hint);
  const authority = authorityLayout(dir).publicKey;
  if (await isPresent(authority)) {
    const { publicJwk } = await readPublicJwk(authority, 'public', hint);
    const problem = await problemOf(() => openAuthority(dir));
    return { kind: 'authority', directory: dir, thumbprint: await thumbprintOf(publicJwk), problem };
  }
  const { publicJwk, holder } = await readPublicJwk(identityLayout(dir).publicKey, 'public', hint);
  const problem = await problemOf(() => startWith(dir, now));
  const credential = await signedCredentialOf(dir, now);
  return {
    kind: 'identity',
    directory: dir,
    name: credential?.name ?? holder,
    thumbprint: await thumbprintOf(publicJwk),
    credential,
    problem,
  };
}

/** Does the same as a program at its start. A broker also reads its revocation list. */
async function startWith(dir: string, now: number): Promise<void> {
  const { role, authority, credential } = await loadIdentity(dir, { now });
  if (role === 'broker') await RevocationStore.open(dir, authority, credential);
}

async function problemOf(attempt: () => Promise<unknown>): Promise<KeyProblem | null> {
  try {
    await attempt();
    return null;
  } catch (error) {
    if (error instanceof KeyError) return { code: error.code, message: error.message };
    throw error;
  }
}

/** Returns an expired credential too, because the reader wants to know that it has expired. */
async function signedCredentialOf(dir: string, now: number): Promise<Credential | null> {
  const files = identityLayout(dir);
  if (!(await isPresent(files.authority)) || !(await isPresent(files.credential))) return null;
  const anchor = await readTrustAnchor(files.authority, 'public', 'it was just there');
  const result = await verifyOwnCredential((await readKeyFile(files.credential, 'public', '')).trim(), anchor, now);
  return result.ok ? result.credential : result.refused;
}
