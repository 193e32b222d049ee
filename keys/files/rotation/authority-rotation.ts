/**
 * Rotation of an authority: a new key takes the place of the old one, in the same directory and with the same register.
 *
 * The new private key replaces the old one in one step, and the old one is gone then. What was written before that
 * step does nothing without it; `openAuthority` completes what comes after it.
 */
import { KeyError, MAX_TTL_SECONDS, PRIVATE_FILE_MODE } from '../../base/index.ts';
import { generatePrivateJwk, SigningKey, signSuccession } from '../../credential/index.ts';
import { sealingOf, storedForm } from '../at-rest/sealed-keys.ts';
import { type Authority, openAuthority } from '../authority.ts';
import { formatJwk, readSigningKey } from '../jwk-files.ts';
import { replaceKeyFile } from '../key-files.ts';
import { authorityLayout } from '../layout.ts';
import { writeSuccession } from './succession-file.ts';

export interface AuthorityRotationTerms {
  /** How long credentials of the old key still count. */
  readonly overlapSeconds: number;
  /** Who does it, for the register. */
  readonly by?: string;
  /** Milliseconds, as of Date.now(), which is the default. */
  readonly now?: number;
}

export interface RotatedAuthority {
  readonly authority: Authority;
  /** Thumbprint of the old key. */
  readonly retired: string;
  /** The end of the overlap, seconds since 1970-01-01 UTC. */
  readonly until: number;
}

/**
 * @throws KeyError ERR_KEY_TTL for an overlap that is no time; ERR_KEY_ROTATION while the overlap of the last rotation
 * lasts, because a token carries one succession; ERR_KEY_FILE_…
 */
export async function rotateAuthority(dir: string, terms: AuthorityRotationTerms): Promise<RotatedAuthority> {
  const { overlapSeconds, by = null, now = Date.now() } = terms;
  if (!Number.isInteger(overlapSeconds) || overlapSeconds < 1 || overlapSeconds > MAX_TTL_SECONDS)
    throw new KeyError('ERR_KEY_TTL', `overlap ${overlapSeconds} s: expected whole seconds, 1 … ${MAX_TTL_SECONDS}`);
  const older = await openAuthority(dir, by);
  const at = Math.floor(now / 1000);
  const { predecessor } = older.public;
  if (predecessor !== null && predecessor.until > at)
    throw new KeyError(
      'ERR_KEY_ROTATION',
      `the authority in "${dir}" has been rotated, and credentials of its old key count until ${new Date(predecessor.until * 1000).toISOString()}; rotate it again after that`,
    );
  const files = authorityLayout(dir);
  const { key } = await readSigningKey(files.privateKey, 'it was just there');
  const jwk = await generatePrivateJwk();
  const newer = await SigningKey.fromPrivateJwk(jwk);
  if (newer === null)
    throw new KeyError('ERR_KEY_FILE_CONTENT', 'the crypto library generated a key that does not fit');
  const stored = await storedForm(formatJwk(jwk), await sealingOf(files.privateKey, 'it was just there'));
  const until = at + overlapSeconds;
  await writeSuccession(files, await signSuccession(key, newer, { at, until }));
  // A new serial: brokers that have the newest list of the old key take the list of the new key as well.
  await older.retire(until, now);
  await replaceKeyFile(files.privateKey, stored, PRIVATE_FILE_MODE);
  const authority = await openAuthority(dir, by);
  await authority.revocations(now);
  return { authority, retired: older.thumbprint, until };
}
