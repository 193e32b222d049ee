/** `argus keys register`: what an authority has issued and revoked, as a signed file for the audit logs of brokers elsewhere. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { openAuthority } from '../../../../keys/index.ts';
import { printJson } from '../../output.ts';
import { print, quoted } from './format.ts';

export function registerCommand(): Command {
  return new Command('register')
    .description('write what an authority has issued and revoked, signed, for the audit logs of brokers elsewhere')
    .requiredOption('--authority <dir>', 'directory of the authority')
    .requiredOption('--out <file>', 'what travels to the brokers')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys register --authority /etc/argus/authority --out ./register.jws\n\nIt holds names, thumbprints and reasons, and no secret. A broker records each entry once, however often the file comes.',
    )
    .action(async ({ authority, out, json }: { authority: string; out: string; json?: boolean }) => {
      const extracts = await (await openAuthority(authority)).extracts();
      await writeFile(out, extracts.map((extract) => `${extract}\n`).join(''));
      if (json === true) printJson({ file: out, extracts: extracts.length });
      else
        print(
          `wrote ${out}`,
          'next, on the host of each broker:',
          `  argus keys publish --register ${quoted(out)} --control SOCKET`,
        );
    });
}
