/** `argus host`: makes a host: authority, broker identity, policy and configuration in one directory. */
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { firstLabelOf, HOST_CONFIG, HOST_TEMPLATES, type HostTemplate, initHost } from '../../host/index.ts';
import { printJson } from '../output.ts';
import { sealingFrom, type UnsealedOption, unsealedOption } from '../unsealed.ts';
import { who } from '../who.ts';

interface InitOptions extends UnsealedOption {
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
    .addOption(unsealedOption('the keys of this host'))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  argus host init my-host --unsealed\n  ARGUS_KEY_PASSPHRASE_FILE=/root/argus.passphrase argus host init my-host --template qubes\n\nThe keys of machines that are added later lie on the disk as the authority of the host does.',
    )
    .action(async (directory: string, options: InitOptions) => {
      const { name, template, json } = options;
      await initHost(directory, name, sealingFrom(options), { template, by: who() });
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
