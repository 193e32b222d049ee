/**
 * Decides if a request at the control socket may go on: first the key of its sender, then the role of that key.
 *
 * At the broker's own socket the mode of the file (0600) names the sender: the broker's own user. Such a request needs
 * no key unless `control.keys` is `always`. At the shared socket each request needs one. A key that is presented counts
 * at both, so an auditor's key changes nothing at the own socket either.
 */
import { CLOCK_TOLERANCE_SECONDS, type Credential, type Identity, verifyCredential } from '../../keys/index.ts';
import type { Clock } from '../base/index.ts';
import type { KeyWatch } from '../service/index.ts';
import { CHALLENGE_PATH, HOLDER_HEADER, PROOF_HEADER, readProof } from './proof.ts';
import type { ControlRoute } from './routes.ts';

const CHALLENGE_BYTES = 32;

/** The part of a request that the decision depends on. */
export interface GateRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Challenges belong to a connection and end with it. */
  readonly socket: object;
}

/** The holder of a verified key. */
export interface Holder {
  readonly name: string;
  readonly role: string;
  /** Thumbprint of the key. */
  readonly key: string;
}

export type GateResult =
  /** `holder` null: no key was needed and none presented. `digest`: of the only body that the holder has signed. */
  | { readonly ok: true; readonly holder: Holder | null; readonly digest: string | null }
  | {
      readonly ok: false;
      readonly code: 'ERR_CONTROL_KEY' | 'ERR_CONTROL_ROLE';
      readonly message: string;
      readonly holder: Holder | null;
    };

export interface GateParts {
  /** The broker's own, for the authority that it trusts at present. */
  readonly identity: Pick<Identity, 'authority'>;
  readonly keys: Pick<KeyWatch, 'isRevoked' | 'proven'>;
  readonly clock: Pick<Clock, 'wall'>;
  readonly randomBytes: (length: number) => Uint8Array;
}

const OPEN: GateResult = Object.freeze({ ok: true, holder: null, digest: null });

export class KeyGate {
  readonly #parts: GateParts;
  readonly #challenges = new WeakMap<object, string>();

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** A new challenge for the next request of this connection; it takes the place of an older one. */
  challenge(socket: object): string {
    const challenge = Buffer.from(this.#parts.randomBytes(CHALLENGE_BYTES)).toString('base64url');
    this.#challenges.set(socket, challenge);
    return challenge;
  }

  /** @param needsKey the socket or the configuration asks for a key. Never rejects because of the request's content. */
  async admit(request: GateRequest, route: ControlRoute, needsKey: boolean): Promise<GateResult> {
    const [credentialJwt, proof] = [headerOf(request, HOLDER_HEADER), headerOf(request, PROOF_HEADER)];
    if (credentialJwt === null && proof === null)
      return needsKey ? refuse(`this socket asks for a key: name its directory with --as DIR or ARGUS_AS`) : OPEN;
    // Used up whatever comes of it: a second request with the same statement is refused.
    const challenge = this.#challenges.get(request.socket);
    this.#challenges.delete(request.socket);
    if (credentialJwt === null || proof === null || challenge === undefined)
      return refuse(`a key is proved with both headers, on the connection of GET ${CHALLENGE_PATH}`);
    const { identity, clock } = this.#parts;
    const result = await verifyCredential(credentialJwt, identity.authority, {
      now: clock.wall(),
      clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
    });
    if (!result.ok) return refuse(`the credential is not accepted (${result.reason})`);
    const { credential } = result;
    const claims = await readProof(proof, credential);
    if (claims === null) return refuse('the request is not signed by the key of its credential');
    const holder: Holder = { name: credential.name, role: credential.role, key: credential.thumbprint };
    if (claims.challenge !== challenge) return refuse('the signature is for another challenge', holder);
    if (claims.method !== request.method || claims.path !== request.url)
      return refuse('the signature is for another request', holder);
    if (this.#isRevoked(credential)) return refuse('the key is revoked or replaced by a newer one', holder);
    if (!route.roles.includes(credential.role)) {
      const message = `"${credential.name}" is ${article(credential.role)}, and ${route.name} needs the key of ${route.roles.map(article).join(' or ')}`;
      return { ok: false, code: 'ERR_CONTROL_ROLE', message, holder };
    }
    return { ok: true, holder, digest: claims.body };
  }

  /** An older key of the holder is refused from now on, as with sessions. */
  #isRevoked(credential: Credential): boolean {
    return this.#parts.keys.isRevoked(credential) || !this.#parts.keys.proven(credential);
  }
}

function refuse(message: string, holder: Holder | null = null): GateResult {
  return { ok: false, code: 'ERR_CONTROL_KEY', message, holder };
}

function headerOf({ headers }: GateRequest, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
}

function article(role: string): string {
  return `${/^[aeiou]/.test(role) ? 'an' : 'a'} ${role}`;
}
