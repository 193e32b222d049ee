/** `argus policy explain`: the page of a finding. */
import { Command } from 'commander';
import { PolicyError, pageOf } from '../../../../policy/index.ts';

export function explainCommand(): Command {
  return new Command('explain')
    .description('what a finding means and what to do about it')
    .argument('<code>', 'the code at the end of the finding: E-011, W-021')
    .addHelpText('after', '\nExample:\n  argus policy explain W-021')
    .action((code: string) => {
      const page = pageOf(code.toUpperCase());
      if (page === null) throw new PolicyError('ERR_POLICY_QUESTION', `"${code}" is not the code of a finding`);
      process.stdout.write(`${page}\n`);
    });
}
