/**
 * Rotation of a holder's key: a new key takes the place of the old one, in the same directory and for the same name.
 *
 * The new key lies next to the old one until its credential is there. That the credential is replaced is the one step
 * that counts: a program that loads the directory before it uses the old key, and after it the new one. What is left to
 * do then is only the names of the files.
 */
import { rename } from 'node:fs/promises';
import { syncDirectory } from '../../../broker/files/index.ts';
import { KeyError, PRIVATE_FILE_MODE, PUBLIC_FILE_MODE } from '../../base/index.ts';
import { type Credential, generatePrivateJwk } from '../../credential/index.ts';
import { sealingOf, storedForm } from '../at-rest/sealed-keys.ts';
import type { Authority } from '../authority.ts';
import { describeKeyDirectory } from '../description.ts';
import { putCredential, writeRequest } from '../enrolment.ts';
import { formatJwk, readSigningKey, readTrustAnchor } from '../jwk-files.ts';
import { createKeyFile, isPresent, replaceKeyFile } from '../key-files.ts';
import { type IdentityLayout, identityLayout } from '../layout.ts';

export interface IdentityRotationTerms {
  readonly ttlSeconds: number;
  /** How long the old key still counts, so that running programs can take the new one over. */
  readonly overlapSeconds: number;
  /** Milliseconds, as of Date.now(), which is the default. */
  readonly now?: number;
}

export interface RotatedIdentity {
  readonly credential: Credential;
  /** Thumbprint of the old key. */
  readonly retired: string;
  /** When the old key stops to count, seconds since 1970-01-01 UTC. */
  readonly until: number;
}

/**
 * Next to the authority, on one host. An interrupted rotation is continued by the next run.
 *
 * @throws KeyError ERR_KEY_FILE_MISSING when the directory has no credential yet; ERR_KEY_AUTHORITY_CHANGED; those of
 * `issue`; ERR_KEY_FILE_…
 */
export async function rotateIdentity(
  authority: Authority,
  dir: string,
  terms: IdentityRotationTerms,
): Promise<RotatedIdentity> {
  const { ttlSeconds, overlapSeconds, now = Date.now() } = terms;
  const files = identityLayout(dir);
  await completeRotation(dir, now);
  const before = await describeKeyDirectory(dir, now);
  if (before.kind !== 'identity' || before.credential === null)
    throw new KeyError('ERR_KEY_FILE_MISSING', `"${dir}" has no credential yet; argus keys issue makes the first one`);
  const { name, role, thumbprint } = before.credential;
  const anchor = await readTrustAnchor(files.authority, 'public', 'it was just there');
  if (![authority.thumbprint, authority.public.predecessor?.thumbprint].includes(anchor.thumbprint))
    throw new KeyError('ERR_KEY_AUTHORITY_CHANGED', `"${dir}" trusts another authority; name the one that it trusts`);
  if (!(await isPresent(files.nextKey)))
    await createKeyFile(
      files.nextKey,
      await storedForm(
        formatJwk(await generatePrivateJwk(), name),
        await sealingOf(files.privateKey, 'argus keys enrol'),
      ),
      PRIVATE_FILE_MODE,
    );
  const { key } = await readSigningKey(files.nextKey, 'it was just made');
  const issued = await authority.issue({ name, role, ttlSeconds, overlapSeconds, publicJwk: key.publicJwk, now });
  await putCredential(files, issued.credentialJwt, anchor);
  await completeRotation(dir, now);
  return { credential: issued.credential, retired: thumbprint, until: Math.floor(now / 1000) + overlapSeconds };
}

/** Moves the files of the new key to their places, if the credential is already the new one. */
async function completeRotation(dir: string, now: number): Promise<void> {
  const files = identityLayout(dir);
  if (!(await isPresent(files.nextKey))) return;
  const described = await describeKeyDirectory(dir, now);
  const credential = described.kind === 'identity' ? described.credential : null;
  const { key } = await readSigningKey(files.nextKey, 'it was just there');
  if (credential === null || credential.thumbprint !== key.thumbprint) return;
  await replaceKeyFile(files.publicKey, formatJwk(key.publicJwk, credential.name), PUBLIC_FILE_MODE);
  await promote(dir, files);
  await writeRequest(dir, credential.name, credential.role, now);
}

async function promote(dir: string, { nextKey, privateKey }: IdentityLayout): Promise<void> {
  try {
    await rename(nextKey, privateKey);
    await syncDirectory(dir);
  } catch (error) {
    throw new KeyError('ERR_KEY_FILE_IO', `cannot move "${nextKey}" to "${privateKey}"; run the command again`, error);
  }
}
