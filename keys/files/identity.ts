/** An identity: a holder (domain, broker, admin, auditor, witness) that can prove its name by signing. */
import { inspect } from 'node:util';
import { CLOCK_TOLERANCE_SECONDS, KeyError, REDACTED } from '../base/index.ts';
import {
  type Credential,
  type CredentialResult,
  carriedSuccession,
  type PublicJwk,
  predecessorOf,
  type Role,
  type SigningKey,
  signStatement,
  type TrustAnchor,
  verifyCredential,
} from '../credential/index.ts';
import { readHolderKey, readSigningKey, readTrustAnchor } from './jwk-files.ts';
import { assertKeyDirectory, isPresent, readKeyFile } from './key-files.ts';
import { identityLayout } from './layout.ts';

export interface Identity {
  readonly name: string;
  readonly role: Role;
  /** RFC 7638 thumbprint of the holder's key. */
  readonly thumbprint: string;
  readonly publicJwk: PublicJwk;
  /** Presented to the peer, which verifies it with its own trust anchor. */
  readonly credentialJwt: string;
  readonly credential: Credential;
  /** The only authority whose credentials this holder accepts. */
  readonly authority: TrustAnchor;
  /**
   * Compact JWS over `claims`, with this holder's public key in the header; `verifyStatement` is the inverse.
   *
   * @throws KeyError ERR_KEY_STATEMENT when it would be too long for a verifier
   */
  signStatement(typ: string, claims: object): Promise<string>;
  /** Ed25519 over the text of a signed note, which ends in a newline; never valid as a statement. */
  signNote(text: string): Promise<Uint8Array>;
}

class KeyedIdentity implements Identity {
  readonly name: string;
  readonly role: Role;
  readonly thumbprint: string;
  readonly publicJwk: PublicJwk;
  readonly credentialJwt: string;
  readonly credential: Credential;
  readonly authority: TrustAnchor;
  readonly #key: SigningKey;

  constructor(key: SigningKey, credentialJwt: string, credential: Credential, authority: TrustAnchor) {
    this.name = credential.name;
    this.role = credential.role;
    this.thumbprint = key.thumbprint;
    this.publicJwk = key.publicJwk;
    this.credentialJwt = credentialJwt;
    this.credential = credential;
    this.authority = authority;
    this.#key = key;
  }

  signStatement(typ: string, claims: object): Promise<string> {
    return signStatement(this.#key, typ, claims);
  }

  signNote(text: string): Promise<Uint8Array> {
    return this.#key.signNote(text);
  }

  toJSON(): object {
    return { name: this.name, role: this.role, thumbprint: this.thumbprint, privateKey: REDACTED };
  }

  [inspect.custom](): object {
    return this.toJSON();
  }
}

export interface LoadIdentityOptions {
  /** Milliseconds, as of Date.now(), which is the default. */
  readonly now?: number;
}

/**
 * Reads and checks the four files of an identity. The returned identity has a valid credential, and the key that fits
 * it.
 *
 * @throws KeyError ERR_KEY_FILE_… (missing, mode, symlink, content), ERR_KEY_PRIVATE_GIVEN, ERR_KEY_MISMATCH,
 * ERR_KEY_CREDENTIAL_… (expired, not yet valid, foreign, invalid)
 */
export async function loadIdentity(dir: string, options: LoadIdentityOptions = {}): Promise<Identity> {
  const { now = Date.now() } = options;
  const enrol = `make one with: argus keys enrol ${dir} --name NAME`;
  const install = `have the public key signed (argus keys issue), then: argus keys install ${dir} --credential FILE --authority FILE`;
  const files = identityLayout(dir);
  await assertKeyDirectory(dir, enrol);
  if (!(await isPresent(files.credential))) await readSigningKey(files.privateKey, enrol);
  const anchor = await readTrustAnchor(files.authority, 'public', install);
  const jwt = (await readKeyFile(files.credential, 'public', install)).trim();
  const result = await verifyOwnCredential(jwt, anchor, now);
  const { key } = await readHolderKey(files, thumbprintIn(result), enrol);
  const credential = acceptCredential(dir, result);
  // The key was moved to its place after the credential was read here: both are read again.
  if (credential.thumbprint !== key.thumbprint && (await isCredentialReplaced(dir, jwt)))
    return loadIdentity(dir, options);
  assertHolder(dir, key.thumbprint, credential);
  return new KeyedIdentity(key, jwt, credential, await withPredecessor(anchor, jwt));
}

/** True when the directory holds another credential than `jwt`. Reads no key. @throws KeyError ERR_KEY_FILE_… */
export async function isCredentialReplaced(dir: string, jwt: string): Promise<boolean> {
  return (await readKeyFile(identityLayout(dir).credential, 'public', 'it was just there')).trim() !== jwt;
}

/** The holder's own credential says which key its authority had before, and until when that key counts. */
async function withPredecessor(anchor: TrustAnchor, jwt: string): Promise<TrustAnchor> {
  const succession = carriedSuccession(jwt);
  return succession === null ? anchor : { ...anchor, predecessor: await predecessorOf(anchor, succession) };
}

function thumbprintIn(result: CredentialResult): string {
  return (result.ok ? result.credential : result.refused)?.thumbprint ?? '';
}

export function verifyOwnCredential(jwt: string, anchor: TrustAnchor, now: number): Promise<CredentialResult> {
  return verifyCredential(jwt, anchor, { now, clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS });
}

/** Only the operator can replace an invalid credential on our own disk. So the message says since when and how. */
export function acceptCredential(dir: string, result: CredentialResult): Credential {
  if (result.ok) return result.credential;
  const { reason, refused } = result;
  const whose = refused === null ? `the credential for "${dir}"` : `the credential of "${refused.name}" for "${dir}"`;
  const renew = `renew it: argus keys issue ${refused?.name ?? 'NAME'} --public ${identityLayout(dir).publicKey} --authority DIR, then argus keys install ${dir} --credential FILE`;
  switch (reason) {
    case 'EXPIRED':
      throw new KeyError('ERR_KEY_CREDENTIAL_EXPIRED', `${whose} expired on ${isoTime(refused?.expiresAt)}; ${renew}`);
    case 'NOT_YET_VALID':
      throw new KeyError(
        'ERR_KEY_CREDENTIAL_NOT_YET_VALID',
        `${whose} is valid only from ${isoTime(refused?.notBefore)}; the clock of this machine or of the authority's is wrong: compare "date -u" on both`,
      );
    case 'FOREIGN_AUTHORITY':
      throw new KeyError(
        'ERR_KEY_CREDENTIAL_FOREIGN',
        `${whose} is not signed by the authority in "${identityLayout(dir).authority}"; install the two that belong together`,
      );
    case 'MALFORMED':
    case 'WRONG_AUDIENCE':
    case 'WRONG_ROLE':
      throw new KeyError('ERR_KEY_CREDENTIAL_INVALID', `${whose} cannot be used (${reason}); ${renew}`);
  }
}

/** @throws KeyError ERR_KEY_MISMATCH */
export function assertHolder(dir: string, thumbprint: string, credential: Credential): void {
  if (credential.thumbprint !== thumbprint)
    throw new KeyError(
      'ERR_KEY_MISMATCH',
      `the credential of "${credential.name}" is for the key ${credential.thumbprint}, but "${dir}" holds the key ${thumbprint}; issue one for ${identityLayout(dir).publicKey}`,
    );
}

function isoTime(seconds: number | undefined): string {
  return seconds === undefined ? 'an unknown date' : new Date(seconds * 1000).toISOString();
}
