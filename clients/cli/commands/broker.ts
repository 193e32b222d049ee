/** `argus broker`: runs a broker in the foreground until SIGTERM or SIGINT; SIGHUP reloads the policy. */
import { Command } from 'commander';
import { type Broker, readOptions, startResolved } from '../../../broker/index.ts';

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
      // Before it starts: a signal that comes meanwhile must not leave sockets and a lock behind.
      const isToldToStop = new Promise<void>((resolve) => {
        process.once('SIGTERM', resolve);
        process.once('SIGINT', resolve);
      });
      let broker: Broker | null = null;
      let wasHungUp = false;
      process.on('SIGHUP', () => {
        wasHungUp = true;
        void broker?.reload();
      });
      broker = await startResolved(options);
      if (wasHungUp) void broker.reload();
      await isToldToStop;
      await broker.close();
    });
}
