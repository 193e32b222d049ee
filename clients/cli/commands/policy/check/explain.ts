/** `argus policy explain`: the page of a finding, or the list of all findings. */
import { Command } from 'commander';
import { didYouMean } from '../../../../../broker/base/index.ts';
import { PolicyError, pageOf, pageTitles } from '../../../../../policy/index.ts';

export function explainCommand(): Command {
  return new Command('explain')
    .description('what a finding means and what to do about it; without a code: all findings')
    .argument('[code]', 'the code at the end of the finding: E-011, W-021')
    .addHelpText('after', '\nExample:\n  argus policy explain W-021')
    .action((code?: string) => {
      process.stdout.write(`${code === undefined ? list() : page(code)}\n`);
    });
}

function page(given: string): string {
  // People type what they remember: w21 is W-021.
  const [, letter, digits] = /^([EW])-?0*(\d{1,3})$/.exec(given.toUpperCase()) ?? [];
  const code = digits === undefined ? given.toUpperCase() : `${letter}-${digits.padStart(3, '0')}`;
  const found = pageOf(code);
  if (found !== null) return found;
  const codes = pageTitles();
  throw new PolicyError(
    'ERR_POLICY_QUESTION',
    `"${given}" is not the code of a finding${didYouMean(code, codes.keys())} (ERR_POLICY_QUESTION)\n${list()}`,
  );
}

function list(): string {
  return [...pageTitles()].map(([code, title]) => `  ${code}  ${title}`).join('\n');
}
