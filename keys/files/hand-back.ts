/**
 * The authority's half of an enrolment: it gets a public key or a request, and returns a credential and the trust
 * anchor.
 */
import { join } from 'node:path';
import { KeyError, PUBLIC_FILE_MODE } from '../base/index.ts';
import { type Credential, type CredentialRequest, type Role, verifyRequest } from '../credential/index.ts';
import type { Authority, IssueTerms } from './authority.ts';
import { formatJwk, readPublicJwk, readTrustAnchor } from './jwk-files.ts';
import { createKeyFile, isPresent, makeDirectory, readKeyFile } from './key-files.ts';

export interface HandBackTerms {
  readonly name: string;
  readonly role: Role;
  readonly ttlSeconds: number;
  /** The holder's `key.pub.jwk`, copied to this machine. */
  readonly publicKeyFile: string;
  /** Directory for the two files. Made if it does not exist. */
  readonly out: string;
}

export interface HandedBack {
  readonly credential: Credential;
  /** `NAME.credential.jwt`. */
  readonly credentialFile: string;
  /** `authority.pub.jwk`. */
  readonly authorityFile: string;
}

/**
 * Makes all checks before the credential is made, so that the register does not name a credential that was never
 * written.
 *
 * @throws KeyError ERR_KEY_PRIVATE_GIVEN; ERR_KEY_MISMATCH when the key was made for another name; ERR_KEY_EXISTS when
 * `out` holds such a credential already; ERR_KEY_AUTHORITY_CHANGED when it holds another authority's key; those of
 * `issue`
 */
export async function issueToFiles(authority: Authority, terms: HandBackTerms): Promise<HandedBack> {
  const { name, role, ttlSeconds, publicKeyFile, out } = terms;
  const { publicJwk, holder } = await readPublicJwk(publicKeyFile, 'given', 'argus keys enrol makes it, in the VM');
  if (holder !== null && holder !== name)
    throw new KeyError('ERR_KEY_MISMATCH', `"${publicKeyFile}" is the key of "${holder}", not of "${name}"`);
  return handBack(authority, { name, role, ttlSeconds, publicJwk, out });
}

/** @throws KeyError ERR_KEY_REQUEST when the file is not a request that its key has signed; ERR_KEY_FILE_… */
export async function readRequest(path: string): Promise<CredentialRequest> {
  const request = await verifyRequest(
    (await readKeyFile(path, 'given', 'argus keys enrol makes it, in the VM')).trim(),
  );
  if (request === null)
    throw new KeyError(
      'ERR_KEY_REQUEST',
      `"${path}" is not a request that the key in it has signed; bring request.jws again`,
    );
  return request;
}

export interface ApprovalTerms {
  readonly ttlSeconds: number;
  /** The whole thumbprint that the holder's side shows. */
  readonly thumbprint: string;
  readonly out: string;
}

/**
 * Issues the requested credential, for the key whose thumbprint the person has compared.
 *
 * @throws KeyError ERR_KEY_MISMATCH when the thumbprint is another; those of `issueToFiles`
 */
export function approveToFiles(
  authority: Authority,
  request: CredentialRequest,
  terms: ApprovalTerms,
): Promise<HandedBack> {
  const { name, role, publicJwk, thumbprint, requestedAt } = request;
  if (terms.thumbprint !== thumbprint)
    throw new KeyError('ERR_KEY_MISMATCH', `the request is for the key ${thumbprint}, not for ${terms.thumbprint}`);
  return handBack(authority, {
    name,
    role,
    publicJwk,
    ttlSeconds: terms.ttlSeconds,
    out: terms.out,
    cause: 'APPROVED',
    requestedAt,
  });
}

interface HandBack extends Omit<IssueTerms, 'now' | 'overlapSeconds'> {
  readonly out: string;
}

async function handBack(authority: Authority, { out, ...terms }: HandBack): Promise<HandedBack> {
  const credentialFile = join(out, `${terms.name}.credential.jwt`);
  const authorityFile = join(out, 'authority.pub.jwk');
  await makeDirectory(out);
  if (await isPresent(credentialFile))
    throw new KeyError('ERR_KEY_EXISTS', `"${credentialFile}" exists already; remove it or choose another --out`);
  await putAnchor(authority, authorityFile);
  const { credentialJwt, credential } = await authority.issue(terms);
  await createKeyFile(credentialFile, `${credentialJwt}\n`, PUBLIC_FILE_MODE);
  return { credential, credentialFile, authorityFile };
}

async function putAnchor(authority: Authority, path: string): Promise<void> {
  if (!(await isPresent(path))) {
    await createKeyFile(path, formatJwk(authority.public.publicJwk), PUBLIC_FILE_MODE);
    return;
  }
  if ((await readTrustAnchor(path, 'given', 'it was just there')).thumbprint !== authority.thumbprint)
    throw new KeyError('ERR_KEY_AUTHORITY_CHANGED', `"${path}" is the key of another authority; choose another --out`);
}
