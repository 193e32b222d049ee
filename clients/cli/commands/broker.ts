/** `argus broker`: runs a broker in the foreground until SIGTERM or SIGINT; SIGHUP reloads the policy. */
import { setFlagsFromString } from 'node:v8';
import { Command } from 'commander';
import {
  type Broker,
  BrokerError,
  checkStart,
  readOptions,
  type StartCheck,
  startResolved,
} from '../../../broker/index.ts';
import { untilInterrupted, whenInterrupted } from '../interrupt.ts';
import { printJson } from '../output.ts';

interface BrokerFlags {
  readonly config: string;
  readonly check?: boolean;
  readonly json?: boolean;
  readonly strict?: boolean;
}

export function brokerCommand(): Command {
  return new Command('broker')
    .description('run a broker until SIGTERM or SIGINT; SIGHUP reloads the policy')
    .requiredOption('--config <file>', 'argus.yaml')
    .option('--check', 'try all that a start would, say what is wrong, and exit; nothing is changed')
    .option('--strict', 'refuse to start with a broken policy directory, instead of going back to the policy before')
    .option('--json', 'with --check: print one JSON list')
    .addHelpText(
      'after',
      '\nExample:\n  argus broker --config /etc/argus/argus.yaml\n\nEvery key of argus.yaml: docs/broker.md',
    )
    .action(async ({ config, check, json, strict }: BrokerFlags) => {
      const read = readOptions(config);
      const options = strict === true ? { ...read, policy: { ...read.policy, strict } } : read;
      if (check === true) {
        printChecks(config, await checkStart(options), json === true);
        return;
      }
      await untilInterrupted((signal) => run(options, signal));
    });
}

async function run(options: ReturnType<typeof readOptions>, signal: AbortSignal): Promise<void> {
  // V8 shares a collection of young garbage, a millisecond of work, with helper threads, and all domains wait until the
  // last helper is done. On a host whose cores are busy, a helper gets a processor after up to 100 ms.
  setFlagsFromString('--no-parallel-scavenge');
  let broker: Broker | null = null;
  let wasHungUp = false;
  // Before it starts, as for the signals that end it.
  process.on('SIGHUP', () => {
    wasHungUp = true;
    void broker?.reload();
  });
  broker = await startResolved(options);
  if (wasHungUp) void broker.reload();
  await whenInterrupted(signal);
  await broker.close();
}

/** @throws BrokerError ERR_BROKER_CHECK with all problems */
function printChecks(config: string, checks: readonly StartCheck[], isJson: boolean): void {
  if (isJson) printJson(checks);
  const problems = checks.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  if (problems.length > 0) {
    const list = problems.map(({ code, message }) => `\n  ${message}${message.includes(code) ? '' : ` (${code})`}`);
    throw new BrokerError('ERR_BROKER_CHECK', `${config}: this is not in order (ERR_BROKER_CHECK):${list.join('')}`);
  }
  if (isJson) return;
  for (const { subject, detail } of checks) process.stdout.write(`${subject.padEnd(11)} ${detail}\n`);
  process.stdout.write(`${config}: good\n`);
}
