/** `argus broker`: runs a broker in the foreground until SIGTERM or SIGINT; SIGHUP reloads the policy. */
import { Command } from 'commander';
import { readOptions, startResolved } from '../../../broker/index.ts';

export function brokerCommand(): Command {
  return new Command('broker')
    .description('run a broker until SIGTERM or SIGINT; SIGHUP reloads the policy')
    .requiredOption('--config <file>', 'argus.yaml')
    .option('--check', 'read the configuration, say whether it is good, and exit')
    .addHelpText(
      'after',
      '\nExample:\n  argus broker --config /etc/argus/argus.yaml\n\nEvery key of argus.yaml: docs/broker.md',
    )
    .action(async ({ config, check }: { config: string; check?: boolean }) => {
      const options = readOptions(config);
      if (check === true) {
        process.stdout.write(`${config}: good\n`);
        return;
      }
      const broker = await startResolved(options);
      process.on('SIGHUP', () => void broker.reload());
      await new Promise<void>((resolve) => {
        process.once('SIGTERM', resolve);
        process.once('SIGINT', resolve);
      });
      await broker.close();
    });
}
