/** The root authority: the one key that says who is who. It signs credentials and notes each in a register. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { KeyError, MAX_TTL_SECONDS, PRIVATE_FILE_MODE, PUBLIC_FILE_MODE, REDACTED } from '../base/index.ts';
import {
  assertName,
  type Credential,
  generatePrivateJwk,
  type PublicJwk,
  parsePublicJwk,
  parseRole,
  type Role,
  type SigningKey,
  signCredential,
  type TrustAnchor,
  thumbprintOf,
} from '../credential/index.ts';
import { formatJwk, readSigningKey, readTrustAnchor } from './jwk-files.ts';
import { appendRegisterLine, assertKeyDirectory, createKeyFile, isPresent, makeKeyDirectory } from './key-files.ts';
import { authorityLayout } from './layout.ts';

export interface IssueTerms {
  readonly name: string;
  readonly role: Role;
  /** The holder's; the private half stays with the holder. */
  readonly publicJwk: PublicJwk;
  /** 1 … MAX_TTL_SECONDS, from now. */
  readonly ttlSeconds: number;
  /** Milliseconds, as of Date.now(), which is the default. */
  readonly now?: number;
}

export interface IssuedCredential {
  readonly credentialJwt: string;
  readonly credential: Credential;
}

/** A line of `issued.jsonl`; times are seconds since 1970-01-01 UTC. */
export interface RegisterEntry {
  readonly jti: string;
  readonly name: string;
  readonly role: Role;
  readonly thumbprint: string;
  readonly iat: number;
  readonly exp: number;
}

export class Authority {
  /** RFC 7638; the `iss` of every credential it issues. */
  readonly thumbprint: string;
  /** What holders trust, and what `verifyCredential` takes. */
  readonly public: TrustAnchor;
  readonly #key: SigningKey;
  readonly #registerFile: string;

  /** For `openAuthority`. */
  constructor(key: SigningKey, anchor: TrustAnchor, registerFile: string) {
    this.thumbprint = key.thumbprint;
    this.public = anchor;
    this.#key = key;
    this.#registerFile = registerFile;
  }

  /**
   * Registered on disk before it is returned: the register may name a credential nobody received, never the reverse.
   *
   * @throws KeyError ERR_KEY_NAME, ERR_KEY_ROLE, ERR_KEY_TTL, ERR_KEY_FILE_CONTENT (no Ed25519 public JWK), ERR_KEY_FILE_IO
   */
  async issue(terms: IssueTerms): Promise<IssuedCredential> {
    const { name, ttlSeconds, now = Date.now() } = terms;
    assertName(name);
    assertTtl(ttlSeconds);
    const publicJwk = parsePublicJwk(terms.publicJwk);
    if (publicJwk === null) throw new KeyError('ERR_KEY_FILE_CONTENT', `public key of "${name}": not an Ed25519 JWK`);
    const issuedAt = Math.floor(now / 1000);
    const credential: Credential = Object.freeze({
      jti: randomBytes(16).toString('base64url'),
      issuer: this.thumbprint,
      name,
      role: parseRole(terms.role),
      thumbprint: await thumbprintOf(publicJwk),
      issuedAt,
      notBefore: issuedAt,
      expiresAt: issuedAt + ttlSeconds,
    });
    const credentialJwt = await signCredential(this.#key, credential);
    await appendRegisterLine(this.#registerFile, JSON.stringify(registerEntryOf(credential)));
    return { credentialJwt, credential };
  }

  toJSON(): object {
    return { thumbprint: this.thumbprint, privateKey: REDACTED };
  }

  [inspect.custom](): object {
    return this.toJSON();
  }
}

function registerEntryOf(credential: Credential): RegisterEntry {
  const { jti, name, role, thumbprint, issuedAt, expiresAt } = credential;
  return { jti, name, role, thumbprint, iat: issuedAt, exp: expiresAt };
}

function assertTtl(ttlSeconds: number): void {
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > MAX_TTL_SECONDS)
    throw new KeyError('ERR_KEY_TTL', `time to live ${ttlSeconds} s: expected whole seconds, 1 … ${MAX_TTL_SECONDS}`);
}

/**
 * A new authority in `dir`, made with mode 0700 if it is not there.
 *
 * @throws KeyError ERR_KEY_EXISTS when there is one already: every credential hangs on its key, so it is never replaced
 */
export async function createAuthority(dir: string): Promise<Authority> {
  const files = authorityLayout(dir);
  await makeKeyDirectory(dir);
  for (const path of [files.privateKey, files.publicKey, files.register])
    if (await isPresent(path))
      throw new KeyError(
        'ERR_KEY_EXISTS',
        `"${path}" exists already; an authority is never overwritten, choose another directory`,
      );
  await createKeyFile(files.privateKey, formatJwk(await generatePrivateJwk()), PRIVATE_FILE_MODE);
  return openAuthority(dir);
}

/**
 * Also writes the public half if it is missing, which an interrupted `createAuthority` leaves behind.
 *
 * @throws KeyError ERR_KEY_FILE_…
 */
export async function openAuthority(dir: string): Promise<Authority> {
  const hint = `make an authority with: argus keys init ${dir}`;
  const files = authorityLayout(dir);
  await assertKeyDirectory(dir, hint);
  const { key } = await readSigningKey(files.privateKey, hint);
  if (!(await isPresent(files.publicKey)))
    await createKeyFile(files.publicKey, formatJwk(key.publicJwk), PUBLIC_FILE_MODE);
  const anchor = await readTrustAnchor(files.publicKey, 'public', hint);
  if (anchor.thumbprint !== key.thumbprint)
    throw new KeyError(
      'ERR_KEY_MISMATCH',
      `"${files.publicKey}" is not the public half of "${files.privateKey}"; remove it, it is made anew`,
    );
  return new Authority(key, anchor, files.register);
}
