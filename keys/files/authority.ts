/**
 * The root authority: the key that vouches for all names. It signs credentials and revocations, and registers each
 * first.
 */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import {
  KeyError,
  MAX_EXTRACT_ENTRIES,
  MAX_REVOCATION_REASON,
  MAX_TTL_SECONDS,
  PRIVATE_FILE_MODE,
  PUBLIC_FILE_MODE,
  REDACTED,
} from '../base/index.ts';
import {
  assertName,
  type Credential,
  findRevocation,
  generatePrivateJwk,
  type HolderRevocation,
  type IssueCause,
  type KeyRevocation,
  type Predecessor,
  type PublicJwk,
  parsePublicJwk,
  parseRole,
  type RevocationList,
  type Role,
  type SigningKey,
  type Succession,
  signCredential,
  signRegisterExtract,
  signRevocationList,
  type TrustAnchor,
  thumbprintOf,
} from '../credential/index.ts';
import { type Sealing, sealingOf, storedForm } from './at-rest/sealed-keys.ts';
import { formatJwk, readSigningKey, readTrustAnchor } from './jwk-files.ts';
import { assertKeyDirectory, createKeyFile, isPresent, makeKeyDirectory, replaceKeyFile } from './key-files.ts';
import { type AuthorityLayout, authorityLayout } from './layout.ts';
import { Register, type RegisteredCredential } from './register.ts';
import { readSuccession } from './rotation/succession-file.ts';

export interface IssueTerms {
  readonly name: string;
  readonly role: Role;
  /** The holder's public key; the private half stays with the holder. */
  readonly publicJwk: PublicJwk;
  /** 1 … MAX_TTL_SECONDS, from now. */
  readonly ttlSeconds: number;
  /** For a new key: how long the holder's older keys still count, seconds; absent = not at all. */
  readonly overlapSeconds?: number;
  /** A person has compared the key of a request, or a guest has proved its token; absent: the register knows the cause. */
  readonly cause?: 'APPROVED' | 'TOKEN';
  /** When the holder signed its request, seconds since 1970-01-01 UTC. */
  readonly requestedAt?: number;
  /** Milliseconds, as of Date.now(), which is the default. */
  readonly now?: number;
}

export interface IssuedCredential {
  readonly credentialJwt: string;
  readonly credential: Credential;
}

export interface RevokeTerms {
  /** A holder (role and name: all its keys up to now) or one key (thumbprint). */
  readonly target: { readonly role: Role; readonly name: string } | { readonly thumbprint: string };
  readonly reason: string;
  /** Seconds since 1970-01-01 UTC; null = permanent. */
  readonly until: number | null;
  /** Milliseconds, as of Date.now(), which is the default. */
  readonly now?: number;
}

export class Authority {
  /** RFC 7638; the `iss` of every credential it issues. */
  readonly thumbprint: string;
  /** The trust anchor of the holders, and the argument for `verifyCredential`. */
  readonly public: TrustAnchor;
  readonly #key: SigningKey;
  readonly #files: AuthorityLayout;
  /** Carried by each token, so that holders of the old key accept it. */
  readonly #succession: Succession | null;
  /** Who opened it, for the register. */
  readonly #by: string | null;

  /** Only `openAuthority` calls this. */
  constructor(
    key: SigningKey,
    anchor: TrustAnchor,
    files: AuthorityLayout,
    succession: Succession | null,
    by: string | null,
  ) {
    this.#by = by;
    this.thumbprint = key.thumbprint;
    this.public = anchor;
    this.#key = key;
    this.#files = files;
    this.#succession = succession;
  }

  /**
   * The credential is registered on disk before it is returned. So the register may name a credential that no holder
   * received, but never the reverse.
   *
   * A new key for a holder starts a new generation and retires the holder's older keys: they are on the revocation list
   * before the new credential exists.
   *
   * @throws KeyError ERR_KEY_NAME, ERR_KEY_ROLE, ERR_KEY_TTL, ERR_KEY_FILE_CONTENT (no Ed25519 public JWK), ERR_KEY_FILE_IO,
   * ERR_KEY_REVOKED for a key that was revoked
   */
  async issue(terms: IssueTerms): Promise<IssuedCredential> {
    const { name, ttlSeconds, overlapSeconds = 0, now = Date.now() } = terms;
    assertName(name);
    assertTtl(ttlSeconds);
    const role = parseRole(terms.role);
    const publicJwk = parsePublicJwk(terms.publicJwk);
    if (publicJwk === null) throw new KeyError('ERR_KEY_FILE_CONTENT', `public key of "${name}": not an Ed25519 JWK`);
    const issuedAt = Math.floor(now / 1000);
    const thumbprint = await thumbprintOf(publicJwk);
    const register = await Register.read(this.#files.register);
    const generation = generationFor(register, role, name, thumbprint);
    await this.#retireBefore(register, { role, name, generation }, issuedAt, issuedAt + overlapSeconds);
    const credential: Credential = Object.freeze({
      jti: randomBytes(16).toString('base64url'),
      issuer: this.thumbprint,
      name,
      role,
      thumbprint,
      generation,
      revocationSerial: register.serial,
      issuedAt,
      notBefore: issuedAt,
      expiresAt: issuedAt + ttlSeconds,
    });
    const revocation = findRevocation(register.listFor(this.thumbprint, issuedAt), credential, issuedAt);
    if (revocation !== null)
      throw new KeyError(
        'ERR_KEY_REVOKED',
        `the key ${thumbprint} of "${name}" was revoked ("${revocation.reason}"); make a new key in a new directory: argus keys enrol`,
      );
    const credentialJwt = await signCredential(this.#key, credential, this.#succession);
    const cause = terms.cause ?? causeFor(register, credential, overlapSeconds);
    await register.addCredential(credential, { by: this.#by, cause, requestedAt: terms.requestedAt ?? null });
    return { credentialJwt, credential };
  }

  /**
   * Adds an entry to the list, and signs the list.
   *
   * @returns the new list
   * @throws KeyError ERR_KEY_NAME when this authority never issued to such a holder or key; ERR_KEY_TTL; ERR_KEY_FILE_IO
   */
  async revoke(terms: RevokeTerms): Promise<RevocationList> {
    const { target, until, now = Date.now() } = terms;
    const at = Math.floor(now / 1000);
    if (until !== null && until <= at) throw new KeyError('ERR_KEY_TTL', 'a revocation ends in the future or never');
    const reason = terms.reason.slice(0, MAX_REVOCATION_REASON);
    const register = await Register.read(this.#files.register);
    const revocation = { ...entryFor(register, target), reason, at, until };
    await register.addRevocation(revocation, at, this.#by);
    return this.#publish(register, at);
  }

  /** Only a rotation calls this: the register says from when on this key counts no more. @param until seconds */
  async retire(until: number, now: number): Promise<void> {
    const at = Math.floor(now / 1000);
    const terms = { reason: 'the authority has a new key', at: until, until: null };
    const register = await Register.read(this.#files.register);
    await register.addRevocation({ target: 'key', thumbprint: this.thumbprint, ...terms }, at, this.#by);
  }

  /** Signs and writes the present list again. Serial 0 and no file while nothing was ever revoked. */
  async revocations(now = Date.now()): Promise<{ readonly list: RevocationList; readonly jws: string | null }> {
    const register = await Register.read(this.#files.register);
    const list = await this.#publish(register, Math.floor(now / 1000));
    return { list, jws: list.serial === 0 ? null : await this.#signList(list) };
  }

  /**
   * What the register holds, signed, for the audit log of a broker: all but the entries that the broker has. Several
   * extracts where there are many.
   */
  async extracts(known: ReadonlySet<string> = new Set()): Promise<readonly string[]> {
    const { entries } = await Register.read(this.#files.register);
    const missing = entries.filter(({ id }) => !known.has(id));
    const signed: string[] = [];
    for (let from = 0; from < missing.length; from += MAX_EXTRACT_ENTRIES)
      signed.push(
        await signRegisterExtract(this.#key, missing.slice(from, from + MAX_EXTRACT_ENTRIES), this.#succession),
      );
    return signed;
  }

  /** Every credential ever issued, oldest first. */
  async issued(): Promise<readonly RegisteredCredential[]> {
    return (await Register.read(this.#files.register)).credentials;
  }

  async #retireBefore(
    register: Register,
    { role, name, generation }: Pick<Credential, 'role' | 'name' | 'generation'>,
    now: number,
    at: number,
  ): Promise<void> {
    const newest = register.newestOf(role, name);
    if (newest === null || newest.gen >= generation) return;
    const terms = { reason: 'a new key was issued', at, until: null };
    await register.addRevocation({ target: 'holder', role, name, generation: generation - 1, ...terms }, now, this.#by);
    await this.#publish(register, now);
  }

  async #publish(register: Register, now: number): Promise<RevocationList> {
    const list = register.listFor(this.thumbprint, now);
    if (list.serial > 0) {
      await replaceKeyFile(this.#files.revocations, `${await this.#signList(list)}\n`, PUBLIC_FILE_MODE);
    }
    return list;
  }

  #signList(list: RevocationList): Promise<string> {
    return signRevocationList(this.#key, list, this.#succession);
  }

  toJSON(): object {
    return { thumbprint: this.thumbprint, privateKey: REDACTED };
  }

  [inspect.custom](): object {
    return this.toJSON();
  }
}

/** A known key of the holder keeps its generation. Any other key starts the next one. */
function generationFor(register: Register, role: Role, name: string, thumbprint: string): number {
  const newest = register.newestOf(role, name);
  if (newest === null) return 1;
  const known = register.credentials.findLast(
    (each) => each.role === role && each.name === name && each.thumbprint === thumbprint,
  );
  return known === undefined ? newest.gen + 1 : known.gen;
}

function causeFor(register: Register, { role, name, thumbprint }: Credential, overlapSeconds: number): IssueCause {
  const isKnown = register.credentials.some(
    (each) => each.role === role && each.name === name && each.thumbprint === thumbprint,
  );
  if (isKnown) return 'RENEWED';
  return overlapSeconds > 0 ? 'ROTATED' : 'ISSUED';
}

function entryFor(
  register: Register,
  target: RevokeTerms['target'],
): Omit<KeyRevocation, 'reason' | 'at' | 'until'> | Omit<HolderRevocation, 'reason' | 'at' | 'until'> {
  if ('thumbprint' in target) {
    const { thumbprint } = target;
    if (!register.credentials.some((each) => each.thumbprint === thumbprint))
      throw new KeyError('ERR_KEY_NAME', `no key ${thumbprint} in the register; argus keys list shows those that are`);
    return { target: 'key', thumbprint };
  }
  const { role, name } = target;
  const newest = register.newestOf(role, name);
  if (newest === null)
    throw new KeyError('ERR_KEY_NAME', `no ${role} "${name}" in the register; argus keys list shows those that are`);
  return { target: 'holder', role, name, generation: newest.gen };
}

function assertTtl(ttlSeconds: number): void {
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > MAX_TTL_SECONDS)
    throw new KeyError('ERR_KEY_TTL', `time to live ${ttlSeconds} s: expected whole seconds, 1 … ${MAX_TTL_SECONDS}`);
}

/**
 * Creates an authority in `dir`. Makes the directory with mode 0700 if it does not exist.
 *
 * @throws KeyError ERR_KEY_EXISTS when there is one already: every credential depends on its key, so it is never replaced;
 * ERR_KEY_PASSPHRASE
 */
export async function createAuthority(dir: string, sealing: Sealing, by: string | null = null): Promise<Authority> {
  const files = authorityLayout(dir);
  await makeKeyDirectory(dir);
  for (const path of Object.values(files))
    if (await isPresent(path))
      throw new KeyError(
        'ERR_KEY_EXISTS',
        `"${path}" exists already; an authority is never overwritten, choose another directory`,
      );
  const text = await storedForm(formatJwk(await generatePrivateJwk()), sealing);
  await createKeyFile(files.privateKey, text, PRIVATE_FILE_MODE);
  return openAuthority(dir, by);
}

/** For a key on the host of this authority. Who can read an authority in the clear needs no other key. */
export function sealingOfAuthority(dir: string): Promise<Sealing> {
  return sealingOf(authorityLayout(dir).privateKey, `make an authority with: argus keys init ${dir}`);
}

/**
 * Also writes the public half if it is missing, because an earlier `createAuthority` was interrupted.
 *
 * @param by who opens it; stands in the register with all that is issued and revoked
 * @throws KeyError ERR_KEY_FILE_…
 */
export async function openAuthority(dir: string, by: string | null = null): Promise<Authority> {
  const hint = `make an authority with: argus keys init ${dir}`;
  const files = authorityLayout(dir);
  await assertKeyDirectory(dir, hint);
  const { key } = await readSigningKey(files.privateKey, hint);
  const past = await readSuccession(files, key);
  if (!(await isPresent(files.publicKey)) || (past !== null && (await isHalfRotated(files, past.predecessor, hint))))
    await replaceKeyFile(files.publicKey, formatJwk(key.publicJwk), PUBLIC_FILE_MODE);
  const anchor = await readTrustAnchor(files.publicKey, 'public', hint);
  if (anchor.thumbprint !== key.thumbprint)
    throw new KeyError(
      'ERR_KEY_MISMATCH',
      `"${files.publicKey}" is not the public half of "${files.privateKey}"; remove it, it is made again`,
    );
  if (past === null) return new Authority(key, anchor, files, null, by);
  return new Authority(key, { ...anchor, predecessor: past.predecessor }, files, past.succession, by);
}

/** A rotation that was interrupted after the new private key was written, and before the new public key was. */
async function isHalfRotated(files: AuthorityLayout, older: Predecessor, hint: string): Promise<boolean> {
  return (await readTrustAnchor(files.publicKey, 'public', hint)).thumbprint === older.thumbprint;
}
