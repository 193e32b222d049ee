/** `argus agent`: keeps this virtual machine's session with its broker and lends it to local programs. */
import { Command } from 'commander';
import { type AgentConfig, readConfig, startAgent } from '../../agents/guest/index.ts';
import { untilInterrupted, whenInterrupted } from '../interrupt.ts';

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
      await untilInterrupted((signal) => run(config, signal));
    });
}

async function run(config: AgentConfig, signal: AbortSignal): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`argus agent: ${line}\n`);
  const agent = await startAgent(config, say, signal);
  const reason = await Promise.race([agent.ended, whenInterrupted(signal)]);
  await agent.close();
  if (reason instanceof Error) throw reason;
}
