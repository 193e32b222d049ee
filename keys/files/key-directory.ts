/** A directory of keys whose kind is not known yet: that of an authority, or that of a holder. */
import { assertKeyDirectory, isPresent } from './key-files.ts';
import { authorityLayout, identityLayout } from './layout.ts';

export interface KeyDirectory {
  readonly kind: 'authority' | 'identity';
  /** Path of the private key; it may be missing. */
  readonly privateKey: string;
  /** For a message about a file that is missing. */
  readonly hint: string;
}

/** @throws KeyError ERR_KEY_FILE_… when `dir` is no directory that may hold keys */
export async function keyDirectory(dir: string): Promise<KeyDirectory> {
  const hint = `make a key first: argus keys enrol ${dir} --name NAME, or argus keys init ${dir}`;
  await assertKeyDirectory(dir, hint);
  const kind = (await isPresent(authorityLayout(dir).publicKey)) ? 'authority' : 'identity';
  const { privateKey } = kind === 'authority' ? authorityLayout(dir) : identityLayout(dir);
  return { kind, privateKey, hint };
}
