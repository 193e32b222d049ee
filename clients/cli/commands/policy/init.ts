/** `argus policy init`: a directory to begin with. */
import { Command } from 'commander';
import { copyShippedPolicy } from '../../../../policy/index.ts';

export function initCommand(): Command {
  return new Command('init')
    .description('copy the shipped policy into a new directory; overwrites nothing')
    .argument('<directory>', 'where to; is created if need be')
    .addHelpText('after', '\nExample:\n  argus policy init /etc/argus/policy')
    .action(init);
}

async function init(directory: string): Promise<void> {
  const written = await copyShippedPolicy(directory);
  process.stdout.write(
    `${written.map((path) => `created ${path}`).join('\n')}\n\nNext: edit ${directory}/domains.yaml and policy.csv, then run: argus policy check ${directory}\n`,
  );
}
