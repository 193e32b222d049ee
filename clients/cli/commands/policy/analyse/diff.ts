/** `argus policy diff` and `no-new-access`: the effect of an edit, in requests and not in lines of text. */
import { Command } from 'commander';
import {
  diffAccess,
  diffAudit,
  finish,
  formatChange,
  formatDiff,
  formatGrowth,
  labelGrowth,
} from '../../../../../policy/index.ts';
import { printJson } from '../../../output.ts';
import { load } from '../directory.ts';

export function diffCommand(): Command {
  return new Command('diff')
    .description('what a new policy allows that the old one does not, and the other way round')
    .argument('<old>', 'a policy directory')
    .argument('<new>', 'a policy directory')
    .option('--stats', 'print the counts only')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy diff /etc/argus/policy ./draft')
    .action(async (before: string, after: string, options: { readonly stats?: true; readonly json?: true }) => {
      const [old, now] = [await load(before), await load(after)];
      const changes = finish(diffAccess(old, now));
      const audit = finish(diffAudit(old, now));
      const growth = labelGrowth(old, now, changes);
      const text = (): string => [formatDiff(changes, { ...options, audit }), ...growth.map(formatGrowth)].join('\n');
      if (options.json === true) printJson({ changes, audit, labels: growth });
      else process.stdout.write(`${text()}\n`);
    });
}

export function noNewAccessCommand(): Command {
  return new Command('no-new-access')
    .description('pass if the new policy allows nothing that the old one denies; exit code 1 with examples otherwise')
    .argument('<old>', 'a policy directory')
    .argument('<new>', 'a policy directory')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy no-new-access /etc/argus/policy ./draft')
    .action(async (before: string, after: string, options: { readonly json?: true }) => {
      const changes = finish(diffAccess(await load(before), await load(after)));
      const added = changes.filter((change) => change.added.length > 0);
      if (added.length > 0) process.exitCode = 1;
      if (options.json === true) printJson({ ok: added.length === 0, added });
      else if (added.length === 0) process.stdout.write('PASS: nothing new is allowed\n');
      else {
        const shown = added.slice(0, 20).map((change) => `  + ${formatChange(change)}`);
        const rest = added.length > shown.length ? [`  … showing ${shown.length} of ${added.length}`] : [];
        process.stdout.write(`${[`FAIL: ${added.length} new`, ...shown, ...rest].join('\n')}\n`);
      }
    });
}
