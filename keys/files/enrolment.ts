/**
 * Enrolment turns a directory into an identity: a key pair is made where it will be used, only its public half travels
 * to the authority, and a credential comes back.
 */

import { KeyError, PRIVATE_FILE_MODE, PUBLIC_FILE_MODE } from '../base/index.ts';
import {
  assertName,
  type Credential,
  carriedSuccession,
  generatePrivateJwk,
  type PublicJwk,
  type Role,
  signRequest,
  successorOf,
  type TrustAnchor,
} from '../credential/index.ts';
import { type Sealing, storedForm } from './at-rest/sealed-keys.ts';
import type { Authority } from './authority.ts';
import {
  acceptCredential,
  assertHolder,
  type Identity,
  type LoadIdentityOptions,
  loadIdentity,
  verifyOwnCredential,
} from './identity.ts';
import { formatJwk, readSigningKey, readTrustAnchor } from './jwk-files.ts';
import {
  assertKeyDirectory,
  createKeyFile,
  isPresent,
  makeKeyDirectory,
  readKeyFile,
  replaceKeyFile,
} from './key-files.ts';
import { type IdentityLayout, identityLayout } from './layout.ts';

export interface EnrolledKey {
  readonly name: string;
  readonly thumbprint: string;
  readonly publicJwk: PublicJwk;
  /** Path of the file that travels to the authority. */
  readonly publicKeyFile: string;
  /** False when the directory already held the key. */
  readonly created: boolean;
}

/**
 * Makes `key.jwk` (0600) and `key.pub.jwk`. A second run for the same name changes nothing, except that it writes a
 * missing public half (the first run may have been interrupted).
 *
 * @throws KeyError ERR_KEY_NAME; ERR_KEY_EXISTS when the directory holds the key of another name; ERR_KEY_PASSPHRASE;
 * ERR_KEY_FILE_…
 */
export async function createIdentityKey(dir: string, name: string, sealing: Sealing): Promise<EnrolledKey> {
  assertName(name);
  await makeKeyDirectory(dir);
  const files = identityLayout(dir);
  const created = !(await isPresent(files.privateKey));
  if (created)
    await createKeyFile(
      files.privateKey,
      await storedForm(formatJwk(await generatePrivateJwk(), name), sealing),
      PRIVATE_FILE_MODE,
    );
  const { key, holder } = await readSigningKey(files.privateKey, 'it was just made');
  if (holder !== name)
    throw new KeyError(
      'ERR_KEY_EXISTS',
      `"${dir}" holds the key of "${holder ?? 'an unnamed holder'}" already; choose another directory for "${name}"`,
    );
  if (!(await isPresent(files.publicKey)))
    await createKeyFile(files.publicKey, formatJwk(key.publicJwk, name), PUBLIC_FILE_MODE);
  return { name, thumbprint: key.thumbprint, publicJwk: key.publicJwk, publicKeyFile: files.publicKey, created };
}

export interface WrittenRequest {
  readonly requestFile: string;
  readonly thumbprint: string;
}

/**
 * Signs a request for the key in `dir` and writes it next to the key; an older request is replaced.
 *
 * @throws KeyError ERR_KEY_FILE_…; ERR_KEY_MISMATCH when the key was made for another name
 */
export async function writeRequest(dir: string, name: string, role: Role, now = Date.now()): Promise<WrittenRequest> {
  const files = identityLayout(dir);
  const { key, holder } = await readSigningKey(files.privateKey, `make one with: argus keys enrol ${dir} --name NAME`);
  if (holder !== null && holder !== name)
    throw new KeyError('ERR_KEY_MISMATCH', `"${dir}" holds the key of "${holder}", not of "${name}"`);
  const jws = await signRequest(key, name, role, Math.floor(now / 1000));
  await replaceKeyFile(files.request, `${jws}\n`, PUBLIC_FILE_MODE);
  return { requestFile: files.request, thumbprint: key.thumbprint };
}

export interface GivenCredential {
  readonly credentialFile: string;
  /** Public key of the authority. Not needed when one is already installed (renewal). */
  readonly authorityFile?: string;
}

/**
 * Checks the returned files and installs them. The trust anchor is set once; only the authority's own
 * succession moves it. A credential is replaced in one step, so a process that starts at that moment sees the old one or the new one.
 *
 * @throws KeyError ERR_KEY_AUTHORITY_CHANGED, ERR_KEY_MISMATCH (another key or name), ERR_KEY_CREDENTIAL_…, ERR_KEY_FILE_…
 */
export async function installCredential(
  dir: string,
  given: GivenCredential,
  options: LoadIdentityOptions = {},
): Promise<Credential> {
  const { now = Date.now() } = options;
  const files = identityLayout(dir);
  const enrol = `make the key first: argus keys enrol ${dir} --name NAME`;
  await assertKeyDirectory(dir, enrol);
  const { key, holder } = await readSigningKey(files.privateKey, enrol);
  const isAnchored = await isPresent(files.authority);
  const hint = 'pass the authority.pub.jwk that came with the credential: --authority FILE';
  const anchor =
    given.authorityFile === undefined
      ? await readTrustAnchor(files.authority, 'public', hint)
      : await readTrustAnchor(given.authorityFile, 'given', hint);
  const jwt = (await readKeyFile(given.credentialFile, 'given', 'argus keys issue writes it')).trim();
  const trusted = isAnchored ? await readTrustAnchor(files.authority, 'public', hint) : anchor;
  if (trusted.thumbprint !== anchor.thumbprint && (await successorIn(jwt, trusted))?.thumbprint !== anchor.thumbprint)
    throw new KeyError(
      'ERR_KEY_AUTHORITY_CHANGED',
      `"${dir}" trusts another authority than "${given.authorityFile}"; if that is intended, remove "${files.authority}" first`,
    );
  const credential = acceptCredential(dir, await verifyOwnCredential(jwt, trusted, now));
  assertHolder(dir, key.thumbprint, credential);
  if (holder !== null && holder !== credential.name)
    throw new KeyError(
      'ERR_KEY_MISMATCH',
      `the credential is for "${credential.name}", but the key in "${dir}" is of "${holder}"`,
    );
  if (!isAnchored) await createKeyFile(files.authority, formatJwk(anchor.publicJwk), PUBLIC_FILE_MODE);
  await putCredential(files, jwt, trusted);
  return credential;
}

/** @returns the new key of a rotated authority, if `jwt` proves to a holder that trusts the old key that it is one */
async function successorIn(jwt: string, anchor: TrustAnchor): Promise<TrustAnchor | null> {
  const succession = carriedSuccession(jwt);
  return succession === null ? null : successorOf(anchor, succession);
}

/**
 * Replaces the credential, then moves the trust anchor to the authority's new key if the credential is the first by
 * that key. In between the old anchor accepts the new credential, so a crash there does no harm.
 */
export async function putCredential(files: IdentityLayout, jwt: string, anchor: TrustAnchor): Promise<void> {
  await replaceKeyFile(files.credential, `${jwt}\n`, PUBLIC_FILE_MODE);
  const successor = await successorIn(jwt, anchor);
  if (successor !== null) await replaceKeyFile(files.authority, formatJwk(successor.publicJwk), PUBLIC_FILE_MODE);
}

export interface IssueIdentityTerms {
  readonly name: string;
  readonly role: Role;
  readonly ttlSeconds: number;
}

/**
 * Makes key, credential and trust anchor in one directory on this host: for a broker on the host of its authority,
 * demos and tests. VMs enrol instead, so that their private key never leaves the VM. A second run renews the
 * credential.
 *
 * @param sealing of a key that is not there yet
 */
export async function issueIdentity(
  authority: Authority,
  dir: string,
  terms: IssueIdentityTerms,
  sealing: Sealing,
  options: LoadIdentityOptions = {},
): Promise<Identity> {
  const { now = Date.now() } = options;
  const { publicJwk } = await createIdentityKey(dir, terms.name, sealing);
  const files = identityLayout(dir);
  if (!(await isPresent(files.authority)))
    await createKeyFile(files.authority, formatJwk(authority.public.publicJwk), PUBLIC_FILE_MODE);
  const anchor = await readTrustAnchor(files.authority, 'public', 'it was just made');
  const { predecessor } = authority.public;
  if (![authority.thumbprint, predecessor?.thumbprint].includes(anchor.thumbprint))
    throw new KeyError(
      'ERR_KEY_AUTHORITY_CHANGED',
      `"${dir}" trusts another authority; remove "${files.authority}" first`,
    );
  const { credentialJwt } = await authority.issue({ ...terms, publicJwk, now });
  await putCredential(files, credentialJwt, anchor);
  return loadIdentity(dir, { now });
}
