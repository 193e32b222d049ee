/**
 * A witness that the broker knows by the name in its credential. The broker asks for the credential before each
 * checkpoint, so a renewed or rotated key is taken over, and a revoked or expired one is shown nothing any more.
 */
import type { Credential, TrustAnchor } from '../../../keys/index.ts';
import { addCheckpoint, type Cosigner, fetchWitnessHolder, type VerifierKey } from '../../audit/index.ts';
import type { Clock } from '../../base/index.ts';
import type { Logger } from '../../process/index.ts';
import { verifyWitness } from './verify-witness.ts';

export interface WitnessTrust {
  /** The broker's own, for the authority that it trusts at present. */
  readonly identity: { readonly authority: TrustAnchor };
  readonly keys: {
    readonly isRevoked: (credential: Credential) => boolean;
    /** False: the key was revoked. From now on an older key of the holder is refused. */
    proven(credential: Credential): boolean;
  };
  readonly clock: Pick<Clock, 'wall'>;
  readonly log: Pick<Logger, 'warn'>;
}

/** The line to the witness. Both reject when it cannot be reached. */
export interface WitnessLine {
  holder(): Promise<string>;
  add: Cosigner['add'];
}

export function namedCosigner(
  url: string,
  name: string,
  trust: WitnessTrust,
  line: WitnessLine = { holder: () => fetchWitnessHolder(url), add: (request) => addCheckpoint(url, request) },
): Cosigner {
  return new NamedCosigner(name, trust, line);
}

class NamedCosigner implements Cosigner {
  readonly name: string;
  readonly #trust: WitnessTrust;
  readonly #line: WitnessLine;
  #key: VerifierKey | null = null;
  #credential: Credential | null = null;
  /** The reason that was logged last, so that a lasting one is logged once. */
  #said: string | null = null;

  constructor(name: string, trust: WitnessTrust, line: WitnessLine) {
    this.name = name;
    this.#trust = trust;
    this.#line = line;
  }

  get key(): VerifierKey | null {
    return this.#key;
  }

  async prepare(): Promise<boolean> {
    [this.#key, this.#credential] = [null, null];
    const { identity, keys, clock } = this.#trust;
    const result = await verifyWitness(await this.#line.holder(), identity.authority, clock.wall());
    if (!result.ok) return this.#refuse(result.reason);
    const { credential, key } = result;
    if (credential.name !== this.name) return this.#refuse(`its credential is for "${credential.name}"`);
    if (keys.isRevoked(credential)) return this.#refuse('its key is revoked or replaced by a newer one');
    [this.#key, this.#credential, this.#said] = [key, credential, null];
    return true;
  }

  add(request: string): ReturnType<Cosigner['add']> {
    return this.#line.add(request);
  }

  proven(): boolean {
    return this.#credential !== null && this.#trust.keys.proven(this.#credential);
  }

  #refuse(reason: string): false {
    if (reason !== this.#said) this.#trust.log.warn({ witness: this.name, reason }, 'the witness is not trusted');
    this.#said = reason;
    return false;
  }
}
