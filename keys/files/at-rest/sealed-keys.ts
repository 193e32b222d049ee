/** Private keys as they lie on the disk: sealed under a passphrase, or in the clear because a person has said so. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { KeyError, PRIVATE_FILE_MODE } from '../../base/index.ts';
import { parsePrivateJwk } from '../../credential/index.ts';
import { isSealed, openSealed, sealText } from '../../sealed/index.ts';
import { keyDirectory } from '../key-directory.ts';
import { isPresent, readKeyFile, replaceKeyFile } from '../key-files.ts';
import { NATS_SEED } from '../layout.ts';
import { configuredPassphrase, PASSPHRASE_VARIABLE, SYSTEMD_CREDENTIAL } from './passphrase.ts';

/**
 * How a new key lies on the disk. It has no default anywhere: each caller that makes a key says it.
 *
 * - `sealed`: under the passphrase of this process. Without one the key is not made.
 * - `unsealed`: a person has said that it may lie there in the clear. It is still sealed where this process has a
 *   passphrase.
 */
export type Sealing = 'sealed' | 'unsealed';

/**
 * What is written for a new key. Each private key that Argus makes goes through here before it is on the disk.
 *
 * @throws KeyError ERR_KEY_PASSPHRASE when it must be sealed, and this process was given no passphrase
 */
export async function storedForm(text: string, sealing: Sealing): Promise<string> {
  const passphrase = await configuredPassphrase();
  if (passphrase !== null) return sealText(text, passphrase, randomBytes);
  if (sealing === 'unsealed') return text;
  throw new KeyError(
    'ERR_KEY_PASSPHRASE',
    `no key was made, because nothing was given to seal it with. Name a file with a passphrase in ${PASSPHRASE_VARIABLE}; or give the service the systemd credential ${SYSTEMD_CREDENTIAL}, which systemd-creds seals with a key of the host or with its TPM; or say that the key may lie on the disk in the clear: --unsealed, in agent.yaml "enrol: {unsealed: true}"`,
  );
}

/**
 * For a key that takes the place of another one or lies next to it: what was said about that one holds.
 *
 * @throws KeyError ERR_KEY_FILE_…
 */
export async function sealingOf(path: string, hint: string): Promise<Sealing> {
  return isSealed(parse(path, await readKeyFile(path, 'private', hint))) ? 'sealed' : 'unsealed';
}

/** The key in `value`, opened if it is sealed. @throws KeyError ERR_KEY_SEALED, ERR_KEY_UNSEAL, ERR_KEY_FILE_CONTENT */
export async function openStored(path: string, value: unknown): Promise<unknown> {
  if (!isSealed(value)) return value;
  return parse(path, await unsealed(path, value, await requiredPassphrase(path)));
}

async function requiredPassphrase(path: string): Promise<string> {
  const passphrase = await configuredPassphrase();
  if (passphrase !== null) return passphrase;
  throw new KeyError(
    'ERR_KEY_SEALED',
    `"${path}" is sealed; name the file with its passphrase in ${PASSPHRASE_VARIABLE}, or give the service the systemd credential ${SYSTEMD_CREDENTIAL}`,
  );
}

/** The text of a private key as it was before it was sealed. @throws KeyError ERR_KEY_SEALED, ERR_KEY_UNSEAL, ERR_KEY_FILE_CONTENT */
export async function openedForm(path: string, text: string): Promise<string> {
  const value = parse(path, text);
  return isSealed(value) ? `${JSON.stringify(await openStored(path, value))}\n` : text;
}

/** A secret that is one line of text, opened if it is sealed. @throws KeyError ERR_KEY_SEALED, ERR_KEY_UNSEAL, ERR_KEY_FILE_CONTENT */
export async function openedSecret(path: string, text: string): Promise<string> {
  return isSealedText(text) ? unsealed(path, parse(path, text), await requiredPassphrase(path)) : text;
}

/**
 * Seals the private key of an identity or an authority, and the seed of its NATS user. What is written was opened again
 * first.
 *
 * @throws KeyError ERR_KEY_EXISTS when it is sealed already; ERR_KEY_FILE_…
 */
export async function sealKeyDirectory(dir: string, passphrase: string): Promise<string> {
  const { path, text, value } = await storedKey(dir);
  const seed = await storedSeed(dir);
  const hasOpenSeed = seed !== null && !isSealedText(seed.text);
  if (isSealed(value) && !hasOpenSeed)
    throw new KeyError(
      'ERR_KEY_EXISTS',
      `"${path}" is sealed already; for another passphrase: argus keys unseal, then seal`,
    );
  if (!isSealed(value)) await sealFile(path, text, passphrase);
  if (hasOpenSeed) await sealFile(seed.path, seed.text, passphrase);
  return path;
}

async function sealFile(path: string, text: string, passphrase: string): Promise<void> {
  const sealed = await sealText(text, passphrase, randomBytes);
  if ((await unsealed(path, parse(path, sealed), passphrase)) !== text)
    throw new KeyError('ERR_KEY_UNSEAL', `"${path}" cannot be sealed on this machine; it was not changed`);
  await replaceKeyFile(path, sealed, PRIVATE_FILE_MODE);
}

/** The seed of the NATS user of this directory; null: there is none. */
async function storedSeed(dir: string): Promise<{ readonly path: string; readonly text: string } | null> {
  const path = join(dir, NATS_SEED);
  if (!(await isPresent(path))) return null;
  return { path, text: await readKeyFile(path, 'private', 'it was just there') };
}

/** A seed in the clear is base32 and never begins like JSON. */
function isSealedText(text: string): boolean {
  return text.startsWith('{');
}

/** Puts the private key back in the clear. @throws KeyError ERR_KEY_UNSEAL, ERR_KEY_EXISTS when it is not sealed; ERR_KEY_FILE_… */
export async function unsealKeyDirectory(dir: string, passphrase: string): Promise<string> {
  const { path, value } = await storedKey(dir);
  if (!isSealed(value)) throw new KeyError('ERR_KEY_EXISTS', `"${path}" is not sealed`);
  const text = await unsealed(path, value, passphrase);
  if (parsePrivateJwk(parse(path, text)) === null)
    throw new KeyError('ERR_KEY_FILE_CONTENT', `"${path}" holds no private key; nothing was changed`);
  const seed = await storedSeed(dir);
  if (seed !== null && isSealedText(seed.text))
    await replaceKeyFile(
      seed.path,
      await unsealed(seed.path, parse(seed.path, seed.text), passphrase),
      PRIVATE_FILE_MODE,
    );
  await replaceKeyFile(path, text, PRIVATE_FILE_MODE);
  return path;
}

async function storedKey(
  dir: string,
): Promise<{ readonly path: string; readonly text: string; readonly value: unknown }> {
  const { privateKey: path, hint } = await keyDirectory(dir);
  const text = await readKeyFile(path, 'private', hint);
  const value = parse(path, text);
  if (!isSealed(value) && parsePrivateJwk(value) === null)
    throw new KeyError('ERR_KEY_FILE_CONTENT', `"${path}" is not a private key; nothing was changed`);
  return { path, text, value };
}

async function unsealed(path: string, value: unknown, passphrase: string): Promise<string> {
  const opened = await openSealed(value, passphrase);
  if (opened.ok) return opened.text;
  if (opened.reason === 'FORM')
    throw new KeyError(
      'ERR_KEY_FILE_CONTENT',
      `"${path}" is not a sealed key that this version knows: restore it from a backup`,
    );
  throw new KeyError(
    'ERR_KEY_UNSEAL',
    `"${path}" does not open: the passphrase is wrong, or the file was changed; try the right one, or restore a backup`,
  );
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw new KeyError('ERR_KEY_FILE_CONTENT', `"${path}" is cut short or is no key: restore it from a backup`);
  }
}
