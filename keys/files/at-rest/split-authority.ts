/** An authority in shares, for several people: no one of them is the authority, and the loss of one share loses nothing. */
import { basename, join } from 'node:path';
import { KeyError, MAX_BACKUP_BYTES, MAX_SHARES, PRIVATE_FILE_MODE } from '../../base/index.ts';
import { type AuthorityShare, joinShares, parseShare, splitBackup } from '../../sealed/index.ts';
import { openAuthority } from '../authority.ts';
import { readSigningKey } from '../jwk-files.ts';
import { createKeyFile, makeKeyDirectory, readKeyFile } from '../key-files.ts';
import { authorityLayout } from '../layout.ts';
import { collectKeys, hasOnlyKeyFiles, placeKeys } from './key-backup.ts';
import { openedForm, type Sealing, storedForm } from './sealed-keys.ts';

export interface SplitAuthority {
  readonly authority: string;
  readonly files: readonly string[];
}

/**
 * Writes `shares` files into `out`, which is made. A sealed private key is opened: the shares replace its passphrase.
 *
 * @param now milliseconds, as of Date.now()
 * @throws KeyError ERR_KEY_SHARE for numbers that make no sense; ERR_KEY_SEALED, ERR_KEY_UNSEAL; ERR_KEY_EXISTS; ERR_KEY_FILE_…
 */
export async function splitAuthority(
  dir: string,
  out: string,
  { shares, need }: { readonly shares: number; readonly need: number },
  now: number,
): Promise<SplitAuthority> {
  if (!isCount(shares) || !isCount(need) || need > shares)
    throw new KeyError(
      'ERR_KEY_SHARE',
      `${shares} shares of which ${need} are needed: expected 2 … ${MAX_SHARES}, and no more needed than there are`,
    );
  const { thumbprint } = await openAuthority(dir);
  const backup = await collectKeys(dir, now);
  const path = authorityLayout(dir).privateKey;
  const name = basename(path);
  const files = { ...backup.files, [name]: await openedForm(path, backup.files[name] ?? '') };
  const made = await splitBackup({ ...backup, files }, { shares, need, authority: thumbprint });
  await makeKeyDirectory(out);
  const written: string[] = [];
  for (const each of made) {
    const file = join(out, `share-${each.number}-of-${shares}.json`);
    await createKeyFile(file, `${JSON.stringify(each)}\n`, PRIVATE_FILE_MODE);
    written.push(file);
  }
  return { authority: thumbprint, files: written };
}

function isCount(count: number): boolean {
  return Number.isInteger(count) && count >= 2 && count <= MAX_SHARES;
}

export interface JoinedAuthority {
  readonly authority: string;
  /** Seconds since 1970-01-01 UTC: when it was split. */
  readonly madeAt: number;
}

/**
 * Puts the authority of the shares into `dir`, which is made.
 *
 * @throws KeyError ERR_KEY_SHARE: too few, of different sets, one twice, or changed; ERR_KEY_EXISTS; ERR_KEY_FILE_…
 */
export async function joinAuthority(files: readonly string[], dir: string, sealing: Sealing): Promise<JoinedAuthority> {
  const shares = await Promise.all(files.map(readShare));
  const [first] = shares;
  if (first === undefined) throw new KeyError('ERR_KEY_SHARE', 'no share was given');
  for (const [index, each] of shares.entries()) {
    if (each.set !== first.set)
      throw new KeyError(
        'ERR_KEY_SHARE',
        `"${files[index]}" is of another split than "${files[0]}"; shares of one split belong together`,
      );
    const same = shares.findIndex(({ number }) => number === each.number);
    if (same !== index)
      throw new KeyError(
        'ERR_KEY_SHARE',
        `"${files[index]}" and "${files[same]}" are the same share; each counts once`,
      );
  }
  if (shares.length < first.need)
    throw new KeyError(
      'ERR_KEY_SHARE',
      `${shares.length} of ${first.need} shares that are needed: look for ${first.need - shares.length} more`,
    );
  const backup = await joinShares(shares);
  if (backup === null || backup.kind !== 'authority' || !hasOnlyKeyFiles(backup))
    throw new KeyError(
      'ERR_KEY_SHARE',
      'the shares do not open the authority: one of them was changed; try others; nothing was written',
    );
  const name = basename(authorityLayout(dir).privateKey);
  const stored = { ...backup.files, [name]: await storedForm(backup.files[name] ?? '', sealing) };
  await placeKeys({ ...backup, files: stored }, dir);
  const { key } = await readSigningKey(join(dir, name), 'it was just written');
  return { authority: key.thumbprint, madeAt: backup.madeAt };
}

async function readShare(file: string): Promise<AuthorityShare> {
  const share = parseShare(await readKeyFile(file, 'given', 'argus keys split writes shares', 2 * MAX_BACKUP_BYTES));
  if (share === null) throw new KeyError('ERR_KEY_SHARE', `"${file}" is no share of an authority, or was cut short`);
  return share;
}
