/** `argus agent`: keeps this virtual machine's session with its broker and lends it to local programs. */
import { Command } from 'commander';
import { readConfig, startAgent } from '../../agents/guest/index.ts';

export function agentCommand(): Command {
  return new Command('agent')
    .description('keep this machine’s session with its broker and lend it to local programs, until SIGTERM or SIGINT')
    .requiredOption('--config <file>', 'agent.yaml')
    .option('--check', 'read the configuration, say whether it is good, and exit')
    .addHelpText(
      'after',
      '\nExample:\n  argus agent --config /etc/argus/agent.yaml\n\nEvery key of agent.yaml: docs/agent.md',
    )
    .action(async ({ config: file, check }: { config: string; check?: boolean }) => {
      const config = readConfig(file);
      if (check === true) {
        process.stdout.write(`${file}: good\n`);
        return;
      }
      const say = (line: string): void => void process.stdout.write(`argus agent: ${line}\n`);
      const stop = new AbortController();
      const stopped = new Promise<null>((resolve) => {
        for (const signal of ['SIGTERM', 'SIGINT'] as const) {
          process.once(signal, () => {
            stop.abort(new Error(`${signal} before there was a session`));
            resolve(null);
          });
        }
      });
      const agent = await startAgent(config, say, stop.signal).catch((error: unknown) => {
        if (stop.signal.aborted) return null;
        throw error;
      });
      if (agent === null) return;
      const reason = await Promise.race([agent.ended, stopped]);
      await agent.close();
      if (reason !== null) throw reason;
    });
}
