/** `argus man`: man pages, from the commands themselves. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { VERSION } from '../../../../broker/process/index.ts';
import { manPages } from '../../tree/man-page.ts';

export function manCommand(): Command {
  return new Command('man')
    .description('write the man pages of all commands into a directory')
    .argument('<directory>', 'is made if it is not there, e.g. /usr/local/share/man/man1')
    .option('--json', 'print the names of the files as one JSON list')
    .addHelpText('after', '\nExample:\n  argus man /usr/local/share/man/man1 && man argus-policy-check')
    .action(async (directory: string, { json }: { json?: boolean }, command: Command) => {
      const pages = manPages(command.parent ?? command, VERSION);
      await mkdir(directory, { recursive: true });
      await Promise.all(pages.map(({ file, text }) => writeFile(join(directory, file), text)));
      const files = pages.map(({ file }) => file);
      process.stdout.write(
        json === true ? `${JSON.stringify(files, null, 2)}\n` : `wrote ${files.length} pages into ${directory}\n`,
      );
    });
}
