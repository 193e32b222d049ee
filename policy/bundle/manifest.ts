/**
 * What one signature of a bundle states: a version, an expiry, and the hash of each file that it covers.
 *
 *   scope policy        all six files
 *   scope assertions    assertions.csv alone, so the signature stays valid while the other files change
 *
 * The signature is a compact JWS with the signer's public key in its header. The key proves nothing by itself: a reader
 * compares its thumbprint with the keys that it was told to trust.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { verifyEmbedded } from '../../keys/index.ts';
import { ASSERTIONS_FILE } from '../decide/index.ts';
import { POLICY_FILE_NAMES, type PolicyFiles } from '../load/index.ts';
import { MAX_BUNDLE_VERSION } from './limits.ts';

export const SCOPES = ['policy', 'assertions'] as const;
export type Scope = (typeof SCOPES)[number];

/** Times are seconds since 1970-01-01 UTC. */
export interface BundleTerms {
  /** Grows with each bundle of a site. */
  readonly version: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface Manifest extends BundleTerms {
  readonly scope: Scope;
  /** SHA-256 of each covered file, hex. */
  readonly files: Readonly<Record<string, string>>;
}

export interface SignedManifest {
  readonly manifest: Manifest;
  /** RFC 7638 thumbprint of the key that signed. */
  readonly signer: string;
}

/** Keeps signatures of policies apart from all other statements of the same key. */
export const MANIFEST_TYPE = 'argus-policy+jws';

const seconds = z.int().nonnegative();
export const bundleTerms = z.strictObject({
  version: z.int().min(1).max(MAX_BUNDLE_VERSION),
  issuedAt: seconds,
  expiresAt: seconds,
});
/** Strict: a claim that a later version adds could restrict the bundle, so it must not be ignored. */
const manifestClaims = bundleTerms.extend({
  scope: z.enum(SCOPES),
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
});

export function manifestOf(scope: Scope, { version, issuedAt, expiresAt }: BundleTerms, files: PolicyFiles): Manifest {
  const hashes = coveredBy(scope).map((name) => [name, createHash('sha256').update(files[name]).digest('hex')]);
  return { scope, version, issuedAt, expiresAt, files: Object.fromEntries(hashes) };
}

/** True when the manifest is about exactly these files, as they are. */
export function covers({ scope, files: hashes }: Manifest, files: PolicyFiles): boolean {
  const names = coveredBy(scope);
  return (
    Object.keys(hashes).length === names.length &&
    names.every((name) => hashes[name] === createHash('sha256').update(files[name]).digest('hex'))
  );
}

/** Null when it is not a signature of a manifest of this scope. Never throws, whatever the bytes. */
export async function readManifest(jws: string, scope: Scope): Promise<SignedManifest | null> {
  const signed = await verifyEmbedded(jws, MANIFEST_TYPE);
  const parsed = manifestClaims.safeParse(signed?.claims);
  if (signed === null || !parsed.success || parsed.data.scope !== scope) return null;
  return { manifest: parsed.data, signer: signed.thumbprint };
}

function coveredBy(scope: Scope): readonly (typeof POLICY_FILE_NAMES)[number][] {
  return scope === 'policy' ? POLICY_FILE_NAMES : [ASSERTIONS_FILE];
}
