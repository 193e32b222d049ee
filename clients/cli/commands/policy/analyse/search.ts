/** `argus policy search`: sesearch over policy.csv. */
import { Command } from 'commander';
import {
  formatAuditRow,
  formatRule,
  type SearchTerms,
  searchAuditRows,
  searchRows,
} from '../../../../../policy/index.ts';
import { printJson } from '../../../output.ts';
import { load, type PolicyOption, policyOption } from '../directory.ts';

interface SearchOptions extends PolicyOption {
  readonly allow?: true;
  readonly deny?: true;
  readonly auditallow?: true;
  readonly dontaudit?: true;
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
    .option('--auditallow', 'auditallow rows only')
    .option('--dontaudit', 'dontaudit rows only')
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
      const policy = await load(options.policy);
      const terms = termsOf(options);
      const [isRule, isAudit] = wantedOf(options);
      const rules = isRule ? searchRows(policy, terms) : [];
      const audit = isAudit ? searchAuditRows(policy, terms) : [];
      if (options.json === true) {
        const rows = [...rules.map(({ row }) => row), ...audit];
        printJson({ rows: rows.map((row) => ({ ...row, serviceClass: row.serviceClass.name })) });
        return;
      }
      const lines = [...rules.map(formatRule), ...audit.map(formatAuditRow)];
      for (const line of lines) process.stdout.write(`${line}\n`);
    });
}

/** Rules, audit rows; without a flag both. */
function wantedOf({ allow, deny, auditallow, dontaudit }: SearchOptions): readonly [boolean, boolean] {
  const isRule = allow === true || deny === true;
  const isAudit = auditallow === true || dontaudit === true;
  return isRule || isAudit ? [isRule, isAudit] : [true, true];
}

function termsOf({
  allow,
  deny,
  auditallow,
  dontaudit,
  source,
  target,
  class: className,
  perm,
  directSource,
  directTarget,
}: SearchOptions): SearchTerms {
  const effect = allow === deny ? undefined : allow === true ? ('allow' as const) : ('deny' as const);
  const kind =
    auditallow === dontaudit ? undefined : auditallow === true ? ('auditallow' as const) : ('dontaudit' as const);
  return {
    ...(effect === undefined ? {} : { effect }),
    ...(kind === undefined ? {} : { kind }),
    ...(source === undefined ? {} : { source }),
    ...(target === undefined ? {} : { destination: target }),
    ...(className === undefined ? {} : { className }),
    ...(perm === undefined ? {} : { permission: perm }),
    directSource: directSource === true,
    directDestination: directTarget === true,
  };
}
