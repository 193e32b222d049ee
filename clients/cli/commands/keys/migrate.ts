/** `argus keys migrate` and `receive`: a directory of keys moves to another host, sealed for a key of that host. */
import { Command } from 'commander';
import { KeyError, migrateKeys, prepareTransfer, receiveKeys, type Sealing } from '../../../../keys/index.ts';
import { printJson } from '../../output.ts';
import { sealingFrom, type UnsealedOption, unsealedOption } from '../../unsealed.ts';
import { print, quoted } from './format.ts';

interface MigrateOptions {
  readonly to: string;
  readonly thumbprint: string;
  readonly out: string;
  readonly json?: boolean;
}

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('seal all files of a directory of keys for another host')
    .argument('<dir>', 'directory of an identity or of an authority')
    .requiredOption('--to <file>', 'transfer.pub.jwk of the other host, as argus keys receive made it')
    .requiredOption('--thumbprint <thumbprint>', 'the key that argus keys receive showed there')
    .requiredOption('--out <file>', 'what travels to the other host; never overwritten')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys migrate /etc/argus/identity --to ./transfer.pub.jwk --thumbprint THUMBPRINT --out ./identity.transfer\n\nThe directory stays. Remove it when the other host has the keys: until then two hosts can be this holder.',
    )
    .action(async (dir: string, { to, thumbprint, out, json }: MigrateOptions) => {
      const { kind, files, key } = await migrateKeys(dir, { to, thumbprint, out, now: Date.now() });
      if (json === true) printJson({ kind, file: out, files, key });
      else
        print(
          `wrote ${out}: ${kind}, ${files.length} files, only for the host with the key ${thumbprint}`,
          'next, copy it to that host and there:',
          `  argus keys receive DIR --file FILE --thumbprint ${key}`,
          `then stop what uses ${dir} here, and remove that directory`,
        );
    });
}

interface ReceiveOptions extends UnsealedOption {
  readonly file?: string;
  readonly thumbprint?: string;
  readonly json?: boolean;
}

export function receiveCommand(): Command {
  return new Command('receive')
    .description('prepare this host for keys that come from another host, or take them')
    .argument('<dir>', 'directory for them, made with mode 0700')
    .option('--file <file>', 'as argus keys migrate wrote it')
    .option('--thumbprint <thumbprint>', 'the key inside, as argus keys migrate showed it')
    .addOption(unsealedOption('the key of the transfer'))
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  argus keys receive /etc/argus/identity --unsealed\n  argus keys receive /etc/argus/identity --file ./identity.transfer --thumbprint THUMBPRINT',
    )
    .action(async (dir: string, options: ReceiveOptions) => {
      const { file, thumbprint, json } = options;
      if ((file === undefined) !== (thumbprint === undefined))
        throw new KeyError(
          'ERR_KEY_MISMATCH',
          'give --file and --thumbprint together: anybody can seal a file for this host',
        );
      if (file === undefined || thumbprint === undefined) await prepare(dir, sealingFrom(options), json === true);
      else await take(dir, file, thumbprint, json === true);
    });
}

async function prepare(dir: string, sealing: Sealing, json: boolean): Promise<void> {
  const prepared = await prepareTransfer(dir, sealing);
  if (json) {
    printJson(prepared);
    return;
  }
  print(
    `this host has the key ${prepared.thumbprint} for it`,
    `next, copy ${prepared.publicFile} to the old host and there:`,
    `  argus keys migrate DIR --to FILE --thumbprint ${prepared.thumbprint} --out FILE`,
  );
}

async function take(dir: string, file: string, thumbprint: string, json: boolean): Promise<void> {
  const { kind, files } = await receiveKeys(dir, file, thumbprint);
  if (json) printJson({ kind, directory: dir, files });
  else print(`${dir} holds the ${kind} now: ${files.length} files; see: argus keys show ${quoted(dir)}`);
}
