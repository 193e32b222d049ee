/**
 * A bundle: the six files of a policy, its version, its expiry, and signatures of both. One JSON file.
 *
 * The files are inside, so a bundle can travel over any path. What counts is what the signatures state; `terms` say
 * what the next signature will state.
 */
import * as z from 'zod';
import { POLICY_FILE_NAMES, type PolicyFiles } from '../load/index.ts';
import { PolicyError } from '../read/index.ts';
import { MAX_BUNDLE_BYTES, MAX_BUNDLE_SECONDS, MAX_BUNDLE_VERSION } from './limits.ts';
import { type BundleTerms, bundleTerms, MANIFEST_TYPE, manifestOf, type Scope } from './manifest.ts';

export interface Bundle {
  readonly terms: BundleTerms;
  readonly files: PolicyFiles;
  /** A compact JWS for each scope that was signed. */
  readonly signatures: Readonly<Record<Scope, string | null>>;
}

/** The part of an identity that signs. */
export interface BundleSigner {
  signStatement(typ: string, claims: object): Promise<string>;
}

const FORMAT = 'argus-policy-bundle/1';
const jws = z.string().max(8_192).nullable();
const bundleFile = z.strictObject({
  format: z.literal(FORMAT),
  terms: bundleTerms,
  files: z.strictObject(
    Object.fromEntries(POLICY_FILE_NAMES.map((name) => [name, z.base64()])) as Record<
      (typeof POLICY_FILE_NAMES)[number],
      z.ZodBase64
    >,
  ),
  signatures: z.strictObject({ policy: jws, assertions: jws }),
});

/** @throws PolicyError ERR_POLICY_BUNDLE for a version or an expiry that no broker would accept */
export function makeBundle(files: PolicyFiles, terms: BundleTerms): Bundle {
  const { version, issuedAt, expiresAt } = terms;
  if (!Number.isSafeInteger(version) || version < 1 || version > MAX_BUNDLE_VERSION)
    throw new PolicyError(
      'ERR_POLICY_BUNDLE',
      `version ${version}: expected a whole number, 1 to ${MAX_BUNDLE_VERSION}`,
    );
  const seconds = expiresAt - issuedAt;
  if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > MAX_BUNDLE_SECONDS)
    throw new PolicyError('ERR_POLICY_BUNDLE', `expiry in ${seconds} s: expected 1 s to ten years`);
  return { terms, files, signatures: { policy: null, assertions: null } };
}

/** Adds a signature to a bundle, or replaces the one of the same scope. */
export async function signBundle(bundle: Bundle, scope: Scope, signer: BundleSigner): Promise<Bundle> {
  const signature = await signer.signStatement(MANIFEST_TYPE, manifestOf(scope, bundle.terms, bundle.files));
  return { ...bundle, signatures: { ...bundle.signatures, [scope]: signature } };
}

export function encodeBundle({ terms, files, signatures }: Bundle): string {
  const inBase64 = POLICY_FILE_NAMES.map((name) => [name, Buffer.from(files[name]).toString('base64')]);
  return `${JSON.stringify({ format: FORMAT, terms, files: Object.fromEntries(inBase64), signatures })}\n`;
}

/** Null when the text is not a bundle. Never throws, whatever the text: nothing in it is authenticated yet. */
export function decodeBundle(text: string): Bundle | null {
  if (text.length > MAX_BUNDLE_BYTES) return null;
  const parsed = bundleFile.safeParse(parseJson(text));
  if (!parsed.success) return null;
  const { terms, files, signatures } = parsed.data;
  const contents = POLICY_FILE_NAMES.map((name) => [name, new Uint8Array(Buffer.from(files[name], 'base64'))]);
  return { terms, files: Object.fromEntries(contents) as unknown as PolicyFiles, signatures };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
