/** The identity of a witness, which can be renewed and rotated while the witness runs. */
import { AuditError, type CheckpointSigner, SIGNATURE_COSIGNATURE, verifierKey } from '../../../broker/audit/index.ts';
import { type Identity, isCredentialReplaced, loadIdentity } from '../../../keys/index.ts';
import type { WitnessHolder } from './server.ts';

export class IdentityOfWitness implements WitnessHolder {
  readonly #directory: string;
  readonly #onProblem: (error: unknown) => void;
  #identity: Identity;
  /** Takes over the next key. */
  #takeOver: (signer: CheckpointSigner) => Promise<void> = async () => undefined;
  #refreshing: Promise<void> | null = null;

  private constructor(directory: string, identity: Identity, onProblem: (error: unknown) => void) {
    this.#directory = directory;
    this.#identity = identity;
    this.#onProblem = onProblem;
  }

  /** @throws KeyError ERR_KEY_…; AuditError ERR_AUDIT_WITNESS when the identity has another role */
  static async load(directory: string, onProblem: (error: unknown) => void): Promise<IdentityOfWitness> {
    return new IdentityOfWitness(directory, asWitness(await loadIdentity(directory)), onProblem);
  }

  get signer(): CheckpointSigner {
    return signerOf(this.#identity);
  }

  get text(): string {
    const { credentialJwt: credential, publicJwk } = this.#identity;
    return `${JSON.stringify({ credential, publicJwk })}\n`;
  }

  onReplaced(takeOver: (signer: CheckpointSigner) => Promise<void>): void {
    this.#takeOver = takeOver;
  }

  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** With a broken directory the witness keeps what it has. */
  async #refresh(): Promise<void> {
    try {
      if (!(await isCredentialReplaced(this.#directory, this.#identity.credentialJwt))) return;
      const next = asWitness(await loadIdentity(this.#directory));
      if (next.name !== this.#identity.name)
        throw new AuditError('ERR_AUDIT_WITNESS', `"${this.#directory}" is now "${next.name}": not used`);
      if (next.thumbprint !== this.#identity.thumbprint) await this.#takeOver(signerOf(next));
      this.#identity = next;
    } catch (error) {
      this.#onProblem(error);
    }
  }
}

function asWitness(identity: Identity): Identity {
  const { name, role } = identity;
  if (role === 'witness') return identity;
  throw new AuditError('ERR_AUDIT_WITNESS', `"${name}" has the role ${role}; a witness signs with the role witness`);
}

function signerOf(identity: Identity): CheckpointSigner {
  const publicKey = Buffer.from(identity.publicJwk.x, 'base64url');
  const key = verifierKey(identity.name, SIGNATURE_COSIGNATURE, publicKey);
  return { key, sign: (text) => identity.signNote(text) };
}
