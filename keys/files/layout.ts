/** The files of an identity and of an authority. */
import { join } from 'node:path';

export interface IdentityLayout {
  /** Private Ed25519 JWK, 0600; never leaves this directory. */
  readonly privateKey: string;
  /** The key that follows it, while a rotation is under way. */
  readonly nextKey: string;
  readonly publicKey: string;
  readonly credential: string;
  /** Signed request for a credential; travels to the authority. */
  readonly request: string;
  /** Public JWK of the authority this holder trusts. */
  readonly authority: string;
  /** The newest revocation list; kept by a broker. */
  readonly revocations: string;
  /** Serial of that list and the newest key of each holder; kept by a broker. */
  readonly seen: string;
  /** Extracts of the authority's register that a broker brings into its audit log when it starts. */
  readonly register: string;
  /** Which entries of the register are in the log; kept by a broker. */
  readonly recorded: string;
}

export function identityLayout(dir: string): IdentityLayout {
  return {
    privateKey: join(dir, 'key.jwk'),
    nextKey: join(dir, 'key.next.jwk'),
    publicKey: join(dir, 'key.pub.jwk'),
    credential: join(dir, 'credential.jwt'),
    request: join(dir, 'request.jws'),
    authority: join(dir, 'authority.jwk'),
    revocations: join(dir, 'revocations.jws'),
    seen: join(dir, 'seen.json'),
    register: join(dir, 'register.jws'),
    recorded: join(dir, 'recorded.json'),
  };
}

export interface AuthorityLayout {
  /** Private Ed25519 JWK, 0600. */
  readonly privateKey: string;
  /** Holders get it as their `authority.jwk`. */
  readonly publicKey: string;
  /** One JSON line per credential and revocation ever signed. The revocation list is made from it. */
  readonly register: string;
  /** Brokers get it as their `revocations.jws`. */
  readonly revocations: string;
  /** After a rotation: what the old key and the new key signed about each other. */
  readonly succession: string;
}

export function authorityLayout(dir: string): AuthorityLayout {
  return {
    privateKey: join(dir, 'authority.jwk'),
    publicKey: join(dir, 'authority.pub.jwk'),
    register: join(dir, 'issued.jsonl'),
    revocations: join(dir, 'revocations.jws'),
    succession: join(dir, 'succession.jws'),
  };
}

/** The seed of a holder's NATS user, next to its key: a secret of its own. */
export const NATS_SEED = 'nats.seed';
