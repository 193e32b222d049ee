/**
 * The policies of a broker that accepts only signed bundles.
 *
 * A bundle counts when it is authentic, in time and not older than the last one, and its files compile. It is then
 * kept on disk, before it comes into force: later starts refuse an older one, and start with it when its source fails.
 */
import {
  type AcceptedBundle,
  acceptBundle,
  type Bundle,
  type BundleMemory,
  type BundleTrust,
  compileFiles,
  hashFiles,
  type KeptBundle,
  type LoadOptions,
  PolicyError,
  type PolicyRevision,
} from '../../../policy/index.ts';
import { reasonOf } from '../../base/index.ts';
import type { Logger } from '../../process/index.ts';

/** Where bundles come from: a file, or a bucket of a NATS server. */
export interface BundleSource {
  /** @throws PolicyError when there is no bundle, or it cannot be read */
  read(): Promise<Bundle>;
}

export interface SignedPolicyHost {
  readonly source: BundleSource;
  readonly memory: BundleMemory;
  readonly trust: BundleTrust;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly now: () => number;
  readonly log: Pick<Logger, 'error'>;
}

export interface BundleStatus {
  readonly version: number;
  /** Thumbprint of the key that signed the policy. */
  readonly signer: string;
  /** Thumbprint of the key that signed assertions.csv besides; null: no second signature is needed. */
  readonly assertionsSigner: string | null;
  /** RFC 3339. */
  readonly expiresAt: string;
  /** True: its files stay in force, and it would not be accepted any more. */
  readonly isExpired: boolean;
  /** False: it is not on disk. After a restart an older bundle would count. */
  readonly isKept: boolean;
}

export class SignedPolicy {
  readonly #host: SignedPolicyHost;
  #kept: KeptBundle | null;
  #accepted: AcceptedBundle | null = null;
  #isKept = true;

  private constructor(host: SignedPolicyHost, kept: KeptBundle | null) {
    this.#host = host;
    this.#kept = kept;
  }

  /** @throws PolicyError ERR_POLICY_BUNDLE when the remembered bundle cannot be read */
  static async open(host: SignedPolicyHost): Promise<SignedPolicy> {
    return new SignedPolicy(host, await host.memory.read());
  }

  /** The bundle whose files are in force; null: none yet. */
  get status(): BundleStatus | null {
    if (this.#accepted === null) return null;
    const { version, signer, assertionsSigner, expiresAt } = this.#accepted;
    return {
      version,
      signer,
      assertionsSigner,
      expiresAt: new Date(expiresAt * 1_000).toISOString(),
      isExpired: expiresAt <= this.#seconds(),
      isKept: this.#isKept,
    };
  }

  /** The policy of the source. @throws PolicyError */
  async load(directory: string, options: LoadOptions, previous?: PolicyRevision): Promise<PolicyRevision> {
    const bundle = await this.#host.source.read();
    try {
      const accepted = await acceptBundle(bundle, this.#host.trust, this.#kept?.versions ?? null, this.#seconds());
      const policy = await compileFiles(directory, bundle.files, options, previous);
      await this.#keep(accepted, bundle);
      return policy;
    } catch (error) {
      if (error instanceof PolicyError) error.policy ??= hashFiles(bundle.files);
      throw error;
    }
  }

  /** As `reloadPolicy`: null when the files are those of `previous`. */
  async reload(previous: PolicyRevision, options: LoadOptions): Promise<PolicyRevision | null> {
    const loaded = await this.load(previous.directory, options, previous);
    return loaded.hash === previous.hash ? null : loaded;
  }

  /**
   * The files of the last accepted bundle, which may have expired meanwhile. Null: there is none.
   *
   * @throws PolicyError ERR_POLICY_BUNDLE_SIGNER when its key is not trusted any more
   */
  async lastGood(directory: string, options: LoadOptions): Promise<PolicyRevision | null> {
    if (this.#kept === null) return null;
    const { bundle, versions } = this.#kept;
    this.#accepted = await acceptBundle(bundle, this.#host.trust, versions, null);
    return compileFiles(directory, bundle.files, options);
  }

  async #keep(accepted: AcceptedBundle, bundle: Bundle): Promise<void> {
    const { version, policy, assertionsVersion } = accepted;
    this.#accepted = accepted;
    const before = this.#kept?.versions;
    if (
      this.#isKept &&
      before?.version === version &&
      before.assertionsVersion === assertionsVersion &&
      before.policy === policy
    )
      return;
    this.#kept = { versions: { version, policy, assertionsVersion }, bundle };
    try {
      await this.#host.memory.keep(this.#kept);
      this.#isKept = true;
    } catch (error) {
      // A full disk must not keep a removal out of force. The version counts until the broker ends.
      this.#isKept = false;
      this.#host.log.error({ version, err: reasonOf(error) }, 'the accepted bundle could not be kept on disk');
    }
  }

  #seconds(): number {
    return Math.floor(this.#host.now() / 1_000);
  }
}
