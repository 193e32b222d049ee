/**
 * Migration of a directory of keys to another host, without a shared secret. The new host makes a key of its own; the old
 * host seals the files for it.
 */
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { KeyError, MAX_BACKUP_BYTES, PRIVATE_FILE_MODE, PUBLIC_FILE_MODE } from '../../base/index.ts';
import { parsePublicJwk, thumbprintOf } from '../../credential/index.ts';
import {
  type Backup,
  makeTransferKey,
  openTransfer,
  parseTransferKey,
  sealTransfer,
  transferThumbprint,
} from '../../sealed/index.ts';
import { createKeyFile, isPresent, makeKeyDirectory, readKeyFile } from '../key-files.ts';
import { authorityLayout, identityLayout } from '../layout.ts';
import { type BackupResult, collectKeys, hasOnlyKeyFiles, placeKeys } from './key-backup.ts';
import { openStored, type Sealing, storedForm } from './sealed-keys.ts';

export interface PreparedTransfer {
  /** What travels to the old host. */
  readonly publicFile: string;
  /** RFC 7638; the people at both ends compare it. */
  readonly thumbprint: string;
}

function transferFiles(dir: string): { readonly privateFile: string; readonly publicFile: string } {
  return { privateFile: join(dir, 'transfer.jwk'), publicFile: join(dir, 'transfer.pub.jwk') };
}

/** On the new host. @throws KeyError ERR_KEY_PASSPHRASE; ERR_KEY_EXISTS when `dir` is prepared already; ERR_KEY_FILE_… */
export async function prepareTransfer(dir: string, sealing: Sealing): Promise<PreparedTransfer> {
  await makeKeyDirectory(dir);
  const { privateFile, publicFile } = transferFiles(dir);
  const { text, publicJwk } = await makeTransferKey();
  await createKeyFile(privateFile, await storedForm(text, sealing), PRIVATE_FILE_MODE);
  await createKeyFile(publicFile, `${JSON.stringify(publicJwk)}\n`, PUBLIC_FILE_MODE);
  return { publicFile, thumbprint: await transferThumbprint(publicJwk) };
}

export interface MigrationTerms {
  /** `transfer.pub.jwk` of the new host. */
  readonly to: string;
  /** The whole thumbprint that the new host shows. */
  readonly thumbprint: string;
  readonly out: string;
  /** Milliseconds, as of Date.now(). */
  readonly now: number;
}

/**
 * On the old host. The directory stays as it is: remove it when the new host has the keys.
 *
 * @returns with the thumbprint of the key inside, which the new host asks for
 * @throws KeyError ERR_KEY_MISMATCH when the file is not the key that was compared; ERR_KEY_EXISTS; ERR_KEY_FILE_…
 */
export async function migrateKeys(
  dir: string,
  { to, thumbprint, out, now }: MigrationTerms,
): Promise<BackupResult & { readonly key: string }> {
  const recipient = parseTransferKey(parseJson(await readKeyFile(to, 'given', 'argus keys receive makes it')));
  if (recipient === null)
    throw new KeyError('ERR_KEY_FILE_CONTENT', `"${to}" is not the transfer.pub.jwk of another host`);
  const actual = await transferThumbprint(recipient);
  if (actual !== thumbprint) throw new KeyError('ERR_KEY_MISMATCH', `"${to}" is the key ${actual}, not ${thumbprint}`);
  const backup = await collectKeys(dir, now);
  const key = await keyInside(backup);
  if (key === null) throw new KeyError('ERR_KEY_FILE_MISSING', `"${dir}" holds no public key; run argus keys show`);
  await createKeyFile(out, `${await sealTransfer(backup, recipient)}\n`, PRIVATE_FILE_MODE);
  return { kind: backup.kind, files: Object.keys(backup.files), key };
}

/**
 * On the new host. The key of the transfer is removed afterwards: the file opens once.
 *
 * @param key thumbprint of the key that is expected inside, as `migrateKeys` returned it
 * @throws KeyError ERR_KEY_BACKUP when it does not open here; ERR_KEY_MISMATCH when another key is inside;
 * ERR_KEY_EXISTS; ERR_KEY_FILE_…
 */
export async function receiveKeys(dir: string, file: string, key: string): Promise<BackupResult> {
  const { privateFile, publicFile } = transferFiles(dir);
  const hint = `prepare this host first: argus keys receive ${dir}`;
  const own = await openStored(privateFile, parseJson(await readKeyFile(privateFile, 'private', hint)));
  const backup = await openTransfer((await readKeyFile(file, 'given', hint, MAX_BACKUP_BYTES)).trim(), own);
  if (backup === null || !hasOnlyKeyFiles(backup))
    throw new KeyError(
      'ERR_KEY_BACKUP',
      `"${file}" does not open: it was made for another host, or was changed or cut short; nothing was written`,
    );
  const inside = await keyInside(backup);
  if (inside !== key)
    throw new KeyError(
      'ERR_KEY_MISMATCH',
      `"${file}" holds the key ${inside ?? '(none)'}, not ${key}; nothing was written`,
    );
  const files = await placeKeys(backup, dir);
  for (const path of [privateFile, publicFile]) if (await isPresent(path)) await rm(path, { force: true });
  return { kind: backup.kind, files };
}

/** Thumbprint of the public key among the files. */
async function keyInside({ kind, files }: Backup): Promise<string | null> {
  const { publicKey } = kind === 'authority' ? authorityLayout('.') : identityLayout('.');
  const jwk = parsePublicJwk(parseJson(files[basename(publicKey)] ?? ''));
  return jwk === null ? null : thumbprintOf(jwk);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
