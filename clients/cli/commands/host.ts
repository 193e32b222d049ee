/** `argus host`: makes a host: authority, broker identity, policy and configuration in one directory. */
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { firstLabelOf, HOST_CONFIG, HOST_TEMPLATES, type HostTemplate, initHost } from '../../host/index.ts';
import { printJson } from '../output.ts';

interface InitOptions {
  readonly name: string;
  readonly template: HostTemplate;
  readonly json?: boolean;
}

export function hostCommand(): Command {
  return new Command('host').description('make a host that virtual machines can be added to').addCommand(initCommand());
}

function initCommand(): Command {
  return new Command('init')
    .description('make authority, broker identity, policy and argus.yaml in a new directory')
    .argument('<directory>', 'is created; must be empty if it exists')
    .option('--name <name>', 'name of the broker', 'argus')
    .addOption(
      new Option('--template <kind>', 'kind of host: which policy it begins with')
        .choices(HOST_TEMPLATES)
        .default('desktop'),
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExamples:\n  argus host init my-host\n  argus host init my-host --template qubes')
    .action(async (directory: string, { name, template, json }: InitOptions) => {
      await initHost(directory, name, template);
      if (json === true) {
        printJson({ directory: resolve(directory), name, template, config: join(resolve(directory), HOST_CONFIG) });
        return;
      }
      process.stdout.write(
        [
          `made a host in ${directory} (template ${template})`,
          `  authority/      the key that says who is who; move it offline when all VMs have credentials`,
          `  broker/         the broker's own key and credential`,
          `  policy/         who may send what to whom; "argus policy check ${join(directory, 'policy')}"`,
          `  ${HOST_CONFIG}      the broker's configuration`,
          `  argus.service   for systemd`,
          'next:',
          `  argus broker --config ${join(directory, HOST_CONFIG)}`,
          `  argus vm add my-vm --label ${firstLabelOf(template)} --host ${directory}`,
          '',
        ].join('\n'),
      );
    });
}
