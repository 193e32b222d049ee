/** The option `--unsealed`: a person says that a new key may lie on the disk in the clear. */
import { Option } from 'commander';
import type { Sealing } from '../../keys/index.ts';

export interface UnsealedOption {
  readonly unsealed?: boolean;
}

export function unsealedOption(what = 'the new key'): Option {
  return new Option('--unsealed', `where no passphrase is given, let ${what} lie on the disk in the clear`);
}

export function sealingFrom({ unsealed }: UnsealedOption): Sealing {
  return unsealed === true ? 'unsealed' : 'sealed';
}
