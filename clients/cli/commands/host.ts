/** `argus host`: makes a host: authority, broker identity, policy and configuration in one directory. */
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { HOST_CONFIG, initHost } from '../../host/index.ts';
import { printJson } from '../output.ts';

export function hostCommand(): Command {
  return new Command('host').description('make a host that virtual machines can be added to').addCommand(initCommand());
}

function initCommand(): Command {
  return new Command('init')
    .description('make authority, broker identity, policy and argus.yaml in a new directory')
    .argument('<directory>', 'is created; must be empty if it exists')
    .option('--name <name>', 'name of the broker', 'argus')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus host init my-host')
    .action(async (directory: string, { name, json }: { name: string; json?: boolean }) => {
      await initHost(directory, name);
      if (json === true) {
        printJson({ directory: resolve(directory), name, config: join(resolve(directory), HOST_CONFIG) });
        return;
      }
      process.stdout.write(
        [
          `made a host in ${directory}`,
          `  authority/      the key that says who is who; move it offline when all VMs have credentials`,
          `  broker/         the broker's own key and credential`,
          `  policy/         who may send what to whom; "argus policy check ${join(directory, 'policy')}"`,
          `  ${HOST_CONFIG}      the broker's configuration`,
          `  argus.service   for systemd`,
          'next:',
          `  argus broker --config ${join(directory, HOST_CONFIG)}`,
          `  argus vm add my-vm --label @app --host ${directory}`,
          '',
        ].join('\n'),
      );
    });
}
