/**
 * Decides whether a bundle may come into force: it is signed by a trusted key, whole, in time, and not older than one
 * that was accepted before. Pure.
 */
import { hashFiles } from '../load/index.ts';
import { PolicyError } from '../read/index.ts';
import type { Bundle } from './bundle.ts';
import { covers, readManifest, type Scope, type SignedManifest } from './manifest.ts';

export interface BundleTrust {
  /** RFC 7638 thumbprints of the keys that may sign policies. */
  readonly keys: readonly string[];
  /** Thumbprints of the keys that must sign assertions.csv besides. Empty: no second signature is needed. */
  readonly assertionKeys: readonly string[];
  /** True for a key that the authority has revoked. Default: none is. */
  readonly isRevoked?: (thumbprint: string) => boolean;
}

/** The highest versions that were accepted before. */
export interface AcceptedVersions {
  readonly version: number;
  /** Hash over the six files of that version. */
  readonly policy: string;
  /** The highest version of a signature of assertions.csv; 0: none was needed yet. */
  readonly assertionsVersion: number;
}

export interface AcceptedBundle extends AcceptedVersions {
  /** Thumbprint of the key that signed the policy. */
  readonly signer: string;
  /** Thumbprint of the key that signed the assertions; null: none was needed. */
  readonly assertionsSigner: string | null;
  /** Seconds since 1970-01-01 UTC: the earlier expiry of both signatures. */
  readonly expiresAt: number;
}

/**
 * @param before null: none was accepted before
 * @param now seconds since 1970-01-01 UTC; null: the expiry does not count, for a bundle that was accepted in time
 * @throws PolicyError ERR_POLICY_BUNDLE, _SIGNER, _EXPIRED or _OLD, in this order of checks
 */
export async function acceptBundle(
  bundle: Bundle,
  trust: BundleTrust,
  before: AcceptedVersions | null,
  now: number | null,
): Promise<AcceptedBundle> {
  const policy = await trusted(bundle, 'policy', trust.keys, trust);
  const isTwofold = trust.assertionKeys.length > 0;
  const assertions = isTwofold ? await trusted(bundle, 'assertions', trust.assertionKeys, trust) : null;
  // One person with a key in both lists would be both persons.
  if (assertions !== null && assertions.signer === policy.signer)
    throw new PolicyError(
      'ERR_POLICY_BUNDLE_SIGNER',
      `assertions.csv is signed by the same key as the policy, ${policy.signer}: another person must sign it`,
    );
  const accepted: AcceptedBundle = {
    version: policy.manifest.version,
    policy: hashFiles(bundle.files),
    assertionsVersion: assertions?.manifest.version ?? before?.assertionsVersion ?? 0,
    signer: policy.signer,
    assertionsSigner: assertions?.signer ?? null,
    expiresAt: Math.min(policy.manifest.expiresAt, assertions?.manifest.expiresAt ?? Number.POSITIVE_INFINITY),
  };
  if (now !== null && accepted.expiresAt <= now) throw expired(accepted);
  if (before !== null) refuseOlder(accepted, before);
  return accepted;
}

async function trusted(
  { files, signatures }: Bundle,
  scope: Scope,
  keys: readonly string[],
  { isRevoked = () => false }: BundleTrust,
): Promise<SignedManifest> {
  const what = scope === 'policy' ? 'the bundle' : 'assertions.csv of the bundle';
  const flag = scope === 'policy' ? '' : ' --assertions';
  const jws = signatures[scope];
  if (jws === null)
    throw new PolicyError(
      'ERR_POLICY_BUNDLE_SIGNER',
      `${what} is not signed: argus policy sign BUNDLE --identity DIR${flag}`,
    );
  const signed = await readManifest(jws, scope);
  if (signed === null) throw new PolicyError('ERR_POLICY_BUNDLE', `the signature of ${what} is not valid`);
  if (!keys.includes(signed.signer))
    throw new PolicyError(
      'ERR_POLICY_BUNDLE_SIGNER',
      `${what} is signed by the key ${signed.signer}, which is not in policy.${scope === 'policy' ? 'keys' : 'assertionKeys'}`,
    );
  if (isRevoked(signed.signer))
    throw new PolicyError(
      'ERR_POLICY_BUNDLE_SIGNER',
      `${what} is signed by the key ${signed.signer}, which was revoked`,
    );
  if (!covers(signed.manifest, files))
    throw new PolicyError('ERR_POLICY_BUNDLE', `the files of the bundle are not those that ${signed.signer} signed`);
  return signed;
}

function refuseOlder(accepted: AcceptedBundle, before: AcceptedVersions): void {
  const { version, policy, assertionsVersion } = accepted;
  if (version < before.version)
    throw new PolicyError(
      'ERR_POLICY_BUNDLE_OLD',
      `the bundle has version ${version}, and version ${before.version} was accepted already: sign the files again with a higher version`,
    );
  if (version === before.version && policy !== before.policy)
    throw new PolicyError(
      'ERR_POLICY_BUNDLE_OLD',
      `the bundle has version ${version} and other files than the bundle of this version that was accepted already: sign it with a higher version`,
    );
  if (assertionsVersion < before.assertionsVersion)
    throw new PolicyError(
      'ERR_POLICY_BUNDLE_OLD',
      `assertions.csv is signed as version ${assertionsVersion}, and version ${before.assertionsVersion} was accepted already`,
    );
}

function expired({ version, expiresAt }: AcceptedBundle): PolicyError {
  const since = new Date(expiresAt * 1_000).toISOString();
  return new PolicyError(
    'ERR_POLICY_BUNDLE_EXPIRED',
    `the bundle of version ${version} expired on ${since}: sign its files again (argus policy bundle, argus policy sign)`,
  );
}
