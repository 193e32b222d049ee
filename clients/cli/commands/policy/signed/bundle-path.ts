/** Bundles as files of an admin. */
import { readFile } from 'node:fs/promises';
import { reasonOf } from '../../../../../broker/base/index.ts';
import { replaceFile } from '../../../../../broker/files/index.ts';
import { type Bundle, decodeBundle, encodeBundle, PolicyError } from '../../../../../policy/index.ts';

/** @throws PolicyError ERR_POLICY_BUNDLE */
export async function readBundle(path: string): Promise<Bundle> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new PolicyError('ERR_POLICY_BUNDLE', `"${path}" cannot be read: ${reasonOf(cause)}`, [], cause);
  });
  const bundle = decodeBundle(text);
  if (bundle === null)
    throw new PolicyError('ERR_POLICY_BUNDLE', `"${path}" is not a bundle: argus policy bundle makes one`);
  return bundle;
}

/** Readers see the old file or the new one, never a part. @throws PolicyError ERR_POLICY_BUNDLE */
export async function writeBundle(path: string, bundle: Bundle): Promise<void> {
  try {
    await replaceFile(path, encodeBundle(bundle), 0o644);
  } catch (cause) {
    throw new PolicyError('ERR_POLICY_BUNDLE', `"${path}" cannot be written: ${reasonOf(cause)}`, [], cause);
  }
}
