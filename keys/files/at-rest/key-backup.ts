/** Backup and restore of a directory of keys: one file, one passphrase, nothing overwritten. */
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  KeyError,
  MAX_BACKUP_BYTES,
  MAX_REGISTER_BYTES,
  PRIVATE_FILE_MODE,
  PUBLIC_FILE_MODE,
} from '../../base/index.ts';
import { type Backup, openBackup, sealBackup } from '../../sealed/index.ts';
import { keyDirectory } from '../key-directory.ts';
import { createKeyFile, isPresent, makeKeyDirectory, readKeyFile } from '../key-files.ts';
import { authorityLayout, identityLayout, NATS_SEED } from '../layout.ts';

/** Those of a NATS user as well: without its seed a restored machine could not connect. */
const NATS_FILES = [NATS_SEED, 'nats-ca.pem'] as const;
const PUBLIC_NAMES = /(\.pub\.jwk|\.jws|\.jwt|\.pem)$/;
/** A holder's trust anchor; in an authority's directory the same name is its private key. */
const ANCHOR = 'authority.jwk';

type Kind = Backup['kind'];

function namesOf(kind: Kind): readonly string[] {
  if (kind === 'authority') return Object.values(authorityLayout('.')).map((path) => basename(path));
  return [...Object.values(identityLayout('.')).map((path) => basename(path)), ...NATS_FILES];
}

function isPublic(kind: Kind, name: string): boolean {
  return PUBLIC_NAMES.test(name) || (kind === 'identity' && name === ANCHOR);
}

export interface BackupResult {
  readonly kind: Kind;
  readonly files: readonly string[];
}

/**
 * Writes all files of `dir` to one file, sealed. A private key that is sealed stays so inside.
 *
 * @param now milliseconds, as of Date.now()
 * @throws KeyError ERR_KEY_EXISTS when `out` exists; ERR_KEY_FILE_…
 */
export async function backupKeys(dir: string, out: string, passphrase: string, now: number): Promise<BackupResult> {
  const backup = await collectKeys(dir, now);
  await createKeyFile(out, `${await sealBackup(backup, passphrase)}\n`, PRIVATE_FILE_MODE);
  return { kind: backup.kind, files: Object.keys(backup.files) };
}

/** All files of `dir`. @throws KeyError ERR_KEY_FILE_… */
export async function collectKeys(dir: string, now: number): Promise<Backup> {
  const { kind, privateKey, hint } = await keyDirectory(dir);
  const files: Record<string, string> = {};
  for (const name of namesOf(kind)) {
    const path = join(dir, name);
    if (await isPresent(path))
      files[name] = await readKeyFile(path, isPublic(kind, name) ? 'public' : 'private', hint, MAX_REGISTER_BYTES);
  }
  const key = basename(privateKey);
  if (files[key] === undefined) throw new KeyError('ERR_KEY_FILE_MISSING', `no "${key}" in "${dir}"; ${hint}`);
  return { v: 1, kind, madeAt: Math.floor(now / 1000), files };
}

/** True when each file is one that such a directory holds. The names come from the file that was opened. */
export function hasOnlyKeyFiles({ kind, files }: Backup): boolean {
  return Object.keys(files).every((name) => namesOf(kind).includes(name));
}

export interface RestoreTerms {
  readonly passphrase: string;
  /** Seconds; an older backup is refused, because an old register or list would be put back with it. */
  readonly maxAgeSeconds: number;
  /** Milliseconds, as of Date.now(). */
  readonly now: number;
}

/**
 * Writes the files of a backup into `dir`, which is made.
 *
 * @throws KeyError ERR_KEY_BACKUP, ERR_KEY_BACKUP_OLD, ERR_KEY_EXISTS; ERR_KEY_FILE_…
 */
export async function restoreKeys(
  file: string,
  dir: string,
  terms: RestoreTerms,
): Promise<BackupResult & { readonly madeAt: number }> {
  const text = (await readKeyFile(file, 'given', 'argus keys backup makes one', MAX_BACKUP_BYTES)).trim();
  const backup = await openBackup(text, terms.passphrase);
  if (backup === null || !hasOnlyKeyFiles(backup))
    throw new KeyError(
      'ERR_KEY_BACKUP',
      `"${file}" does not open: the passphrase is wrong, or the file was changed or cut short; nothing was written`,
    );
  const { kind, madeAt } = backup;
  if (madeAt + terms.maxAgeSeconds < terms.now / 1000)
    throw new KeyError(
      'ERR_KEY_BACKUP_OLD',
      `"${file}" was made on ${new Date(madeAt * 1000).toISOString()}; look for a newer one, or allow its age with --max-age`,
    );
  return { kind, madeAt, files: await placeKeys(backup, dir) };
}

/** All of them or none: a failure removes what was written. @throws KeyError ERR_KEY_EXISTS; ERR_KEY_FILE_… */
export async function placeKeys({ kind, files }: Backup, dir: string): Promise<readonly string[]> {
  await makeKeyDirectory(dir);
  for (const name of namesOf(kind))
    if (await isPresent(join(dir, name)))
      throw new KeyError(
        'ERR_KEY_EXISTS',
        `"${join(dir, name)}" exists already and is not overwritten; name a new directory`,
      );
  const written: string[] = [];
  try {
    for (const [name, content] of Object.entries(files)) {
      await createKeyFile(join(dir, name), content, isPublic(kind, name) ? PUBLIC_FILE_MODE : PRIVATE_FILE_MODE);
      written.push(name);
    }
  } catch (error) {
    for (const name of written) await rm(join(dir, name), { force: true });
    throw error;
  }
  return written;
}
