/** `argus policy search`: sesearch over policy.csv. */
import { Command } from 'commander';
import { formatRule, type SearchTerms, searchRows } from '../../../../policy/index.ts';
import { printJson } from '../../output.ts';
import { load, type PolicyOption, policyOption } from './directory.ts';

interface SearchOptions extends PolicyOption {
  readonly allow?: true;
  readonly deny?: true;
  readonly source?: string;
  readonly target?: string;
  readonly class?: string;
  readonly perm?: string;
  readonly directSource?: true;
  readonly directTarget?: true;
  readonly json?: true;
}

export function searchCommand(): Command {
  return new Command('search')
    .description('rows that apply to what is asked for; a label also finds the rows that name its members')
    .option('-A, --allow', 'allow rows only')
    .option('-D, --deny', 'deny rows only')
    .option('-s, --source <subject>', 'a domain or label')
    .option('-t, --target <subject>', 'a domain, a label or broker')
    .option('-c, --class <class>', 'a class')
    .option('-p, --perm <permission>', 'a permission')
    .option('--direct-source', 'only rows that name the source itself (sesearch -ds)')
    .option('--direct-target', 'only rows that name the target itself (sesearch -dt)')
    .addOption(policyOption())
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy search -A -s chrome-vm -c audio-playback')
    .action(async (options: SearchOptions) => {
      const rules = searchRows(await load(options.policy), termsOf(options));
      if (options.json === true) {
        printJson({ rows: rules.map(({ row }) => ({ ...row, serviceClass: row.serviceClass.name })) });
        return;
      }
      for (const rule of rules) process.stdout.write(`${formatRule(rule)}\n`);
    });
}

function termsOf({
  allow,
  deny,
  source,
  target,
  class: className,
  perm,
  directSource,
  directTarget,
}: SearchOptions): SearchTerms {
  const effect = allow === deny ? undefined : allow === true ? ('allow' as const) : ('deny' as const);
  return {
    ...(effect === undefined ? {} : { effect }),
    ...(source === undefined ? {} : { source }),
    ...(target === undefined ? {} : { destination: target }),
    ...(className === undefined ? {} : { className }),
    ...(perm === undefined ? {} : { permission: perm }),
    directSource: directSource === true,
    directDestination: directTarget === true,
  };
}
