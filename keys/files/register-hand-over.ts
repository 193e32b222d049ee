/** Extracts of the register as a file: from an authority beside a broker that does not run, or carried there. */
import { MAX_REGISTER_BYTES, PUBLIC_FILE_MODE } from '../base/index.ts';
import type { Authority } from './authority.ts';
import { isPresent, readKeyFile, replaceKeyFile } from './key-files.ts';
import { identityLayout } from './layout.ts';
import { RecordedEntries } from './recorded-entries.ts';

/**
 * Writes what the broker of this directory has not recorded yet. The broker brings it into its log when it starts.
 *
 * @throws KeyError ERR_KEY_FILE_…
 */
export async function handOverRegister(authority: Authority, brokerDirectory: string): Promise<void> {
  const { ids } = await RecordedEntries.open(brokerDirectory);
  const extracts = await authority.extracts(new Set(ids));
  const text = extracts.map((jws) => `${jws}\n`).join('');
  await replaceKeyFile(identityLayout(brokerDirectory).register, text, PUBLIC_FILE_MODE);
}

/** What was handed over to the broker of this directory: one extract for each line. @throws KeyError ERR_KEY_FILE_… */
export async function readHandedOver(brokerDirectory: string): Promise<readonly string[]> {
  const { register: path } = identityLayout(brokerDirectory);
  return (await isPresent(path)) ? linesOf(await readKeyFile(path, 'public', '', MAX_REGISTER_BYTES)) : [];
}

/** Of a file that a person has carried. @throws KeyError ERR_KEY_FILE_… */
export async function readExtractFile(path: string): Promise<readonly string[]> {
  return linesOf(await readKeyFile(path, 'given', 'argus keys register writes it', MAX_REGISTER_BYTES));
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}
