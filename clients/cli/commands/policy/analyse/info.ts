/** `argus policy info` and `matrix`: a policy at a glance. */
import Table from 'cli-table3';
import { Command } from 'commander';
import { accessMatrix, finish, policyCounts } from '../../../../../policy/index.ts';
import { PLAIN, printJson } from '../../../output.ts';
import { load, type PolicyOption, policyOption } from '../directory.ts';

export function infoCommand(): Command {
  return new Command('info')
    .description('count what is in a policy')
    .addOption(policyOption())
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy info --policy /etc/argus/policy')
    .action(async (options: PolicyOption & { readonly json?: true }) => {
      const policy = await load(options.policy);
      const counts = policyCounts(policy);
      if (options.json === true) return printJson({ hash: policy.hash, ...counts });
      const width = Math.max(...Object.keys(counts).map((name) => name.length));
      for (const [name, count] of Object.entries(counts))
        process.stdout.write(`  ${`${name}:`.padEnd(width + 2)}${String(count).padStart(7)}\n`);
    });
}

export function matrixCommand(): Command {
  return new Command('matrix')
    .description('who may do what to whom, as a table')
    .option('-c, --class <class>', 'this class only')
    .addOption(policyOption())
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy matrix -c audio-playback')
    .action(async (options: PolicyOption & { readonly class?: string; readonly json?: true }) => {
      const rows = finish(accessMatrix(await load(options.policy), options.class));
      if (options.json === true) {
        printJson({
          access: rows.map(({ source, destination, classes }) => ({
            source: source.name,
            destination: destination.name,
            classes: Object.fromEntries(classes),
          })),
        });
        return;
      }
      const table = new Table({ head: ['source', 'destination', 'class', 'permissions'], style: PLAIN });
      for (const { source, destination, classes } of rows)
        for (const [name, permissions] of classes)
          table.push([source.name, destination.name, name, permissions.join(' ')]);
      process.stdout.write(`${table.toString()}\n`);
    });
}
