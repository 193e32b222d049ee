/**
 * Every command of `argus`. Each is loaded when it is needed: a command that runs alone does not wait for the code of all the
 * others, and an agent in a guest does not hold the broker in its memory.
 */
import { Command, Option } from 'commander';
import { VERSION } from '../../broker/process/index.ts';

/** In the order of `argus --help`. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  host: async () => (await import('./commands/host.ts')).hostCommand(),
  broker: async () => (await import('./commands/broker.ts')).brokerCommand(),
  agent: async () => (await import('./commands/agent.ts')).agentCommand(),
  ring: async () => (await import('./commands/ring.ts')).ringCommand(),
  vm: async () => (await import('./commands/vm.ts')).vmCommand(),
  device: async () => (await import('./commands/device.ts')).deviceCommand(),
  status: async () => (await import('./commands/running/status.ts')).statusCommand(),
  reload: async () => (await import('./commands/running/status.ts')).reloadCommand(),
  top: async () => (await import('./commands/top.ts')).topCommand(),
  why: async () => (await import('./commands/running/why.ts')).whyCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  grant: async () => (await import('./commands/running/grants.ts')).grantCommand(),
  revoke: async () => (await import('./commands/running/grants.ts')).revokeCommand(),
  grants: async () => (await import('./commands/running/grants.ts')).grantsCommand(),
  setenforce: async () => (await import('./commands/running/modes.ts')).setenforceCommand(),
  getenforce: async () => (await import('./commands/running/modes.ts')).getenforceCommand(),
  policy: async () => (await import('./commands/policy/index.ts')).policyCommand(),
  keys: async () => (await import('./commands/keys.ts')).keysCommand(),
  audit: async () => (await import('./commands/audit.ts')).auditCommand(),
  console: async () => (await import('./commands/console.ts')).consoleCommand(),
  audio: async () => (await import('./commands/audio/audio.ts')).audioCommand(),
  nats: async () => (await import('./commands/nats.ts')).natsCommand(),
  cluster: async () => (await import('./commands/running/cluster.ts')).clusterCommand(),
  net: async () => (await import('./commands/net.ts')).netCommand(),
  demo: async () => (await import('./commands/demo.ts')).demoCommand(),
  completion: async () => (await import('./commands/shell/completion.ts')).completionCommand(),
  man: async () => (await import('./commands/shell/man.ts')).manCommand(),
  'known-values': async () => (await import('./commands/shell/known-values.ts')).knownValuesCommand(),
};

/** Completion scripts call it; a person has no use for it. */
const HIDDEN = new Set(['known-values']);
/** They describe all the others. */
const ABOUT_ALL = new Set(['completion', 'man']);

/**
 * Every command that asks a broker takes it, before or after its own name. It is another spelling of the variable that
 * the client of the control socket reads.
 */
function asOption(): Option {
  return new Option(
    '--as <dir>',
    "directory of the key that signs requests to a broker, an admin's or an auditor's (default: ARGUS_AS, or no key)",
  ).argParser((directory: string) => {
    process.env.ARGUS_AS = directory;
    return directory;
  });
}

/** @param first the first word of the command line; all commands are loaded unless it names the only one that is needed */
export async function argusProgram(first = ''): Promise<Command> {
  const isAlone = Object.hasOwn(COMMANDS, first) && !ABOUT_ALL.has(first);
  const program = new Command('argus')
    .description('policy-enforced message broker between virtual machines')
    .version(VERSION)
    .addOption(asOption())
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 it failed (one line on stderr says why), 2 the command line is wrong. More: docs/commands.md',
    );
  if (first === '--version' || first === '-V') return program;
  const wanted = Object.entries(COMMANDS).filter(([name]) => !isAlone || name === first);
  for (const [name, load] of wanted) program.addCommand(await load(), { hidden: HIDDEN.has(name) });
  return program;
}
