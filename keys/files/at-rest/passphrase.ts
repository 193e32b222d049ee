/**
 * Where the passphrase of sealed keys comes from: a file. A passphrase in an option or in the environment would be seen by
 * other processes, and a program that starts with the host has no terminal.
 */
import { join } from 'node:path';
import { KeyError, MAX_PASSPHRASE_CHARACTERS, MIN_PASSPHRASE_CHARACTERS } from '../../base/index.ts';
import { type FileTrust, isPresent, readKeyFile } from '../key-files.ts';

/** Names a file of the user's own. */
export const PASSPHRASE_VARIABLE = 'ARGUS_KEY_PASSPHRASE_FILE';
/** Name of the credential of systemd: `LoadCredentialEncrypted=argus-key:…`, sealed by a TPM where the host has one. */
export const SYSTEMD_CREDENTIAL = 'argus-key';

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws KeyError ERR_KEY_PASSPHRASE, ERR_KEY_FILE_… */
export async function readPassphrase(path: string, trust: FileTrust = 'private'): Promise<string> {
  const text = (await readKeyFile(path, trust, 'it must hold the passphrase of the keys')).replace(/\r?\n$/, '');
  if (text.length < MIN_PASSPHRASE_CHARACTERS || text.length > MAX_PASSPHRASE_CHARACTERS)
    throw new KeyError(
      'ERR_KEY_PASSPHRASE',
      `"${path}" holds ${text.length} characters; a passphrase has ${MIN_PASSPHRASE_CHARACTERS} to ${MAX_PASSPHRASE_CHARACTERS}`,
    );
  return text;
}

/** What this process was given; null = nothing. @throws KeyError as `readPassphrase` */
export async function configuredPassphrase(environment: Environment = process.env): Promise<string | null> {
  const file = environment[PASSPHRASE_VARIABLE];
  if (file !== undefined && file !== '') return readPassphrase(file);
  const directory = environment.CREDENTIALS_DIRECTORY;
  if (directory === undefined || directory === '') return null;
  const credential = join(directory, SYSTEMD_CREDENTIAL);
  // systemd has made the directory for this service alone; the mode of the file follows its own rules.
  return (await isPresent(credential)) ? readPassphrase(credential, 'given') : null;
}
