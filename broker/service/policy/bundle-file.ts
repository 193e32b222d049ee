/** The bundle of a policy directory, and where a broker remembers the last one that it accepted. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  type Bundle,
  type BundleMemory,
  bundleMemory,
  decodeBundle,
  MAX_BUNDLE_BYTES,
  PolicyError,
  type PolicyWatch,
  readPolicyFile,
  watchPolicy,
} from '../../../policy/index.ts';
import type { PolicyOptions } from '../../process/index.ts';
import { type BundleSource, SignedPolicy, type SignedPolicyHost } from './signed-policy.ts';

/** Name of the bundle in the policy directory. */
export const BUNDLE_FILE = 'policy.bundle';
/** Name of the last accepted bundle, next to the broker's other memory of what it has seen. */
const ACCEPTED_FILE = 'accepted.bundle';

/**
 * Null for a broker that takes unsigned policies.
 *
 * @param bucket the source of a broker with `source: nats`; null for any other broker
 * @throws PolicyError ERR_POLICY_BUNDLE
 */
export async function signedPolicyOf(
  { directory, source, keys, assertionKeys }: PolicyOptions,
  host: Omit<SignedPolicyHost, 'source' | 'trust'> & { readonly isRevoked: (thumbprint: string) => boolean },
  bucket: BundleSource | null = null,
): Promise<SignedPolicy | null> {
  if (source !== 'signed' && source !== 'nats') return null;
  const trust = { keys, assertionKeys, isRevoked: host.isRevoked };
  return SignedPolicy.open({ ...host, trust, source: bucket ?? bundleFile(directory) });
}

export function bundleFile(directory: string): BundleSource {
  return { read: async () => readBundle(await readPolicyFile(directory, BUNDLE_FILE, MAX_BUNDLE_BYTES), directory) };
}

/** @param identity the directory of the broker's key: only its user can write to it, and it is not set aside with logs */
export function acceptedBundle(identity: string): BundleMemory {
  return bundleMemory(join(identity, ACCEPTED_FILE));
}

function readBundle(bytes: Uint8Array, directory: string): Bundle {
  const bundle = decodeBundle(Buffer.from(bytes).toString('utf8'));
  if (bundle !== null) return bundle;
  const message = `"${join(directory, BUNDLE_FILE)}" is not a bundle: argus policy bundle makes one`;
  throw new PolicyError('ERR_POLICY_BUNDLE', message);
}

/** Calls `onChange` when the bundle of the directory is another one. */
export function watchBundle(directory: string, onChange: () => void): PolicyWatch {
  const print = async (): Promise<string> =>
    createHash('sha256')
      .update(await readPolicyFile(directory, BUNDLE_FILE, MAX_BUNDLE_BYTES))
      .digest('hex');
  // No content is known at first, so a bundle that came since the start is read.
  return watchPolicy(directory, onChange, { names: [BUNDLE_FILE], print, hash: '' });
}
