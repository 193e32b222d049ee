/** The revocation list of the simulation: thumbprints, one after the other. It outlives the broker's process, as the file does. */
import type { KeyStore } from '../../../broker/service/key-watch.ts';
import type { Credential, InstallResult, KeyRefusal, RevocationList } from '../../../keys/index.ts';

export class Revocations implements KeyStore {
  readonly isStale = false;
  readonly #revoked = new Set<string>();

  get list(): RevocationList {
    return { issuer: '', serial: this.#revoked.size, issuedAt: 0, entries: [] };
  }

  /** Stands for the signed list: the thumbprints on it, which brokers pass on to each other. */
  get signedList(): string | null {
    return this.#revoked.size === 0 ? null : [...this.#revoked].join();
  }

  judge(credential: Credential): KeyRefusal | null {
    return this.#revoked.has(credential.thumbprint) ? 'REVOKED' : null;
  }

  async noteProven(): Promise<void> {}

  holders(): [] {
    return [];
  }

  /** Installs the list that names these thumbprints, separated by commas, next to all before them. */
  async install(list: string): Promise<InstallResult> {
    const thumbprints = list.split(',');
    const isNew = thumbprints.some((each) => !this.#revoked.has(each));
    for (const each of thumbprints) this.#revoked.add(each);
    return { ok: true, isNew, list: this.list, written: Promise.resolve() };
  }
}
