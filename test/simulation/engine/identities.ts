/** Identities with fixed keys: an authority, brokers and domains. They are made once for all runs of a process. */
import { createHash } from 'node:crypto';
import type { Credential } from '../../../keys/credential/credential.ts';
import { signCredential } from '../../../keys/credential/credential.ts';
import { SigningKey } from '../../../keys/credential/signing-key.ts';
import { signStatement } from '../../../keys/credential/statement.ts';
import { importTrustAnchor, type TrustAnchor } from '../../../keys/credential/trust-anchor.ts';
import type { Identity, Role } from '../../../keys/index.ts';
import { keyOf, publicHalf } from './crypto.ts';
import { START_OF_TIME_MS } from './process.ts';

/** Much longer than any run: what expires is a fault of its own. */
const VALID_SECONDS = 30 * 24 * 3600;

export class Identities {
  readonly #authority: SigningKey;
  readonly anchor: TrustAnchor;
  readonly #made = new Map<string, Promise<Identity>>();

  private constructor(authority: SigningKey, anchor: TrustAnchor) {
    this.#authority = authority;
    this.anchor = anchor;
  }

  static async create(name = 'authority'): Promise<Identities> {
    const key = await signingKey(name);
    const anchor = await importTrustAnchor(key.publicJwk);
    if (anchor === null) throw new Error('the key of the authority is no Ed25519 key');
    return new Identities(key, anchor);
  }

  /** The same identity for the same name, role and generation of key. */
  of(name: string, role: Role, generation = 1): Promise<Identity> {
    const id = `${role}/${name}/${generation}`;
    const made = this.#made.get(id) ?? this.#make(id, name, role, generation);
    this.#made.set(id, made);
    return made;
  }

  async #make(id: string, name: string, role: Role, generation: number): Promise<Identity> {
    const key = await signingKey(id);
    const issuedAt = START_OF_TIME_MS / 1_000 - 3_600;
    const credential: Credential = Object.freeze({
      jti: createHash('sha256').update(id).digest('base64url').slice(0, 16),
      issuer: this.anchor.thumbprint,
      name,
      role,
      thumbprint: key.thumbprint,
      generation,
      revocationSerial: 0,
      issuedAt,
      notBefore: issuedAt,
      expiresAt: issuedAt + VALID_SECONDS,
    });
    return {
      name,
      role,
      thumbprint: key.thumbprint,
      publicJwk: key.publicJwk,
      credentialJwt: await signCredential(this.#authority, credential),
      credential,
      authority: this.anchor,
      signStatement: (typ, claims) => signStatement(key, typ, claims),
      signNote: (text) => key.signNote(text),
    };
  }
}

async function signingKey(name: string): Promise<SigningKey> {
  const seed = createHash('sha256').update(`simulation ${name}`).digest();
  const x = publicHalf(keyOf('ed25519', seed));
  const key = await SigningKey.fromPrivateJwk({ kty: 'OKP', crv: 'Ed25519', x, d: seed.toString('base64url') });
  if (key === null) throw new Error('a key does not fit its public half');
  return key;
}
