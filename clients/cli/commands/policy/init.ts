/** `argus policy init`: a directory to begin with. */
import { Command, Option } from 'commander';
import { copyShippedPolicy, POLICY_TEMPLATES, type PolicyTemplate } from '../../../../policy/index.ts';
import { printJson } from '../../output.ts';

interface InitOptions {
  readonly template: PolicyTemplate;
  readonly json?: true;
}

export function initCommand(): Command {
  return new Command('init')
    .description('copy a policy to begin with into a new directory; overwrites nothing')
    .argument('<directory>', 'where to; is created if need be')
    .addOption(
      new Option('--template <name>', 'which policy: the shipped one, or one for another kind of site')
        .choices(POLICY_TEMPLATES)
        .default('desktop'),
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  argus policy init /etc/argus/policy\n  argus policy init ./policy --template router',
    )
    .action(init);
}

async function init(directory: string, { template, json }: InitOptions): Promise<void> {
  const written = await copyShippedPolicy(directory, template);
  if (json === true) {
    printJson({ directory, template, written });
    return;
  }
  process.stdout.write(
    `${written.map((path) => `created ${path}`).join('\n')}\n\nNext: edit ${directory}/domains.yaml and policy.csv, then run: argus policy check ${directory}\n`,
  );
}
