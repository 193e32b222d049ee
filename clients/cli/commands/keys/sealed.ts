/** `argus keys seal`, `unseal`, `backup` and `restore`: keys at rest. */
import { Command } from 'commander';
import {
  backupKeys,
  configuredPassphrase,
  KeyError,
  readPassphrase,
  restoreKeys,
  sealKeyDirectory,
  unsealKeyDirectory,
} from '../../../../keys/index.ts';
import { parseSeconds } from '../../durations.ts';
import { printJson } from '../../output.ts';
import { isoTime, print } from './format.ts';

const DEFAULT_MAX_AGE_SECONDS = 90 * 86_400;
const NOTE =
  '\n\nWithout --passphrase-file the passphrase is that of ARGUS_KEY_PASSPHRASE_FILE, or the systemd credential argus-key.';

interface SealOptions {
  readonly passphraseFile?: string;
  readonly json?: boolean;
}

function withPassphrase(command: Command): Command {
  return command
    .option('--passphrase-file <file>', 'file with the passphrase, which only its owner may read (mode 0600)')
    .option('--json', 'as one JSON object');
}

async function passphraseOf({ passphraseFile }: SealOptions): Promise<string> {
  const given = passphraseFile === undefined ? await configuredPassphrase() : await readPassphrase(passphraseFile);
  if (given === null)
    throw new KeyError(
      'ERR_KEY_PASSPHRASE',
      'no passphrase; name its file with --passphrase-file or ARGUS_KEY_PASSPHRASE_FILE',
    );
  return given;
}

export function sealCommand(): Command {
  return withPassphrase(new Command('seal'))
    .description('seal the private key of a directory under a passphrase')
    .argument('<dir>', 'directory of an identity or of an authority')
    .addHelpText(
      'after',
      `\nExample:\n  argus keys seal /etc/argus/authority --passphrase-file /root/argus.passphrase\n\nNew keys are sealed from the start where ARGUS_KEY_PASSPHRASE_FILE is set.${NOTE}`,
    )
    .action(async (dir: string, options: SealOptions) => {
      const file = await sealKeyDirectory(dir, await passphraseOf(options));
      if (options.json === true) printJson({ file, sealed: true });
      else
        print(
          `sealed ${file}`,
          'Programs that use it need its passphrase: ARGUS_KEY_PASSPHRASE_FILE, or the systemd credential argus-key.',
          'The disk may keep old blocks with the open key; for a key that must never have been there, make a new one.',
        );
    });
}

export function unsealCommand(): Command {
  return withPassphrase(new Command('unseal'))
    .description('put a sealed private key back in the clear')
    .argument('<dir>', 'directory of an identity or of an authority')
    .addHelpText(
      'after',
      `\nExample:\n  argus keys unseal /etc/argus/authority --passphrase-file /root/argus.passphrase${NOTE}`,
    )
    .action(async (dir: string, options: SealOptions) => {
      const file = await unsealKeyDirectory(dir, await passphraseOf(options));
      if (options.json === true) printJson({ file, sealed: false });
      else print(`${file} lies there in the clear now`);
    });
}

export function backupCommand(): Command {
  return withPassphrase(new Command('backup'))
    .description('write all files of a directory of keys to one file, sealed under a passphrase (JWE)')
    .argument('<dir>', 'directory of an identity or of an authority')
    .requiredOption('--out <file>', 'the backup; never overwritten')
    .addHelpText(
      'after',
      `\nExample:\n  argus keys backup /etc/argus/authority --out authority.backup --passphrase-file /root/argus.passphrase\n\nMake a new one after each key that was issued or revoked: the register is part of it.${NOTE}`,
    )
    .action(async (dir: string, options: SealOptions & { readonly out: string }) => {
      const { kind, files } = await backupKeys(dir, options.out, await passphraseOf(options), Date.now());
      if (options.json === true) printJson({ kind, file: options.out, files });
      else print(`wrote ${options.out}: ${kind}, ${files.length} files`);
    });
}

export function restoreCommand(): Command {
  return withPassphrase(new Command('restore'))
    .description('put the files of a backup into a new directory')
    .argument('<file>', 'as argus keys backup wrote it')
    .argument('<dir>', 'directory for them, made with mode 0700; nothing in it is overwritten')
    .option('--max-age <time>', 'how old the backup may be', parseSeconds, DEFAULT_MAX_AGE_SECONDS)
    .addHelpText(
      'after',
      `\nExample:\n  argus keys restore authority.backup /etc/argus/authority --passphrase-file /root/argus.passphrase\n\nAn old backup of an authority does not know the keys that were issued and revoked since.${NOTE}`,
    )
    .action(async (file: string, dir: string, options: SealOptions & { readonly maxAge: number }) => {
      const terms = { passphrase: await passphraseOf(options), maxAgeSeconds: options.maxAge, now: Date.now() };
      const { kind, files, madeAt } = await restoreKeys(file, dir, terms);
      if (options.json === true) printJson({ kind, directory: dir, madeAt, files });
      else print(`restored ${kind} in ${dir}: ${files.length} files as of ${isoTime(madeAt)}`);
    });
}
