/** The revocation list of the simulation: thumbprints, one after the other. It outlives the broker's process, as the file does. */
import type { KeyStore } from '../../../broker/service/key-watch.ts';
import type { Credential, InstallResult, KeyRefusal, RevocationList } from '../../../keys/index.ts';

export class Revocations implements KeyStore {
  readonly isStale = false;
  readonly signedList = null;
  readonly #revoked = new Set<string>();

  get list(): RevocationList {
    return { issuer: '', serial: this.#revoked.size, issuedAt: 0, entries: [] };
  }

  judge(credential: Credential): KeyRefusal | null {
    return this.#revoked.has(credential.thumbprint) ? 'REVOKED' : null;
  }

  async noteProven(): Promise<void> {}

  holders(): [] {
    return [];
  }

  /** `thumbprint` stands for the signed list that names it beside all before it. */
  async install(thumbprint: string): Promise<InstallResult> {
    const isNew = !this.#revoked.has(thumbprint);
    this.#revoked.add(thumbprint);
    return { ok: true, isNew, list: this.list, written: Promise.resolve() };
  }
}
