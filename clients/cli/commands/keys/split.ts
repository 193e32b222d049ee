/** `argus keys split` and `join`: an authority in shares for several people. */
import { Command, InvalidArgumentError } from 'commander';
import { joinAuthority, splitAuthority } from '../../../../keys/index.ts';
import { printJson } from '../../output.ts';
import { sealingFrom, type UnsealedOption, unsealedOption } from '../../unsealed.ts';
import { isoTime, print } from './format.ts';

interface SplitOptions {
  readonly shares: number;
  readonly need: number;
  readonly out: string;
  readonly json?: boolean;
}

export function splitCommand(): Command {
  return new Command('split')
    .description(
      'write an authority as shares for several people: some of them together restore it, fewer know nothing',
    )
    .argument('<dir>', 'directory of the authority')
    .requiredOption('--shares <number>', 'how many shares to make, e.g. 3', parseCount)
    .requiredOption('--need <number>', 'how many of them restore it, e.g. 2', parseCount)
    .requiredOption('--out <dir>', 'directory for the shares, made with mode 0700; nothing in it is overwritten')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys split /etc/argus/authority --shares 3 --need 2 --out ./shares\n\nThe authority stays where it is. A sealed key needs its passphrase here (ARGUS_KEY_PASSPHRASE_FILE), and the shares need none.',
    )
    .action(async (dir: string, { shares, need, out, json }: SplitOptions) => {
      const { authority, files } = await splitAuthority(dir, out, { shares, need }, Date.now());
      if (json === true) printJson({ authority, need, files });
      else
        print(
          `authority ${authority} in ${shares} shares, of which ${need} restore it:`,
          ...files.map((file) => `  ${file}`),
          'Give each to another person, then remove this directory. Make new shares after keys were issued or revoked: the register is part of them.',
        );
    });
}

export function joinCommand(): Command {
  return new Command('join')
    .description('restore an authority from its shares into a new directory')
    .argument('<dir>', 'directory for it, made with mode 0700; nothing in it is overwritten')
    .argument('<share...>', 'files of argus keys split, as many as are needed')
    .addOption(unsealedOption('the key'))
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys join /etc/argus/authority share-1-of-3.json share-3-of-3.json\n\nThe key is sealed with the passphrase of ARGUS_KEY_PASSPHRASE_FILE. Without one it is not written, but for --unsealed.',
    )
    .action(async (dir: string, files: readonly string[], options: UnsealedOption & { json?: boolean }) => {
      const { authority, madeAt } = await joinAuthority(files, dir, sealingFrom(options));
      if (options.json === true) printJson({ authority, directory: dir, madeAt });
      else
        print(
          `authority ${authority} restored in ${dir}, as of ${isoTime(madeAt)}`,
          'What was issued and revoked since then is not in its register: argus keys list --authority shows what is.',
        );
    });
}

function parseCount(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" is no number`);
}
