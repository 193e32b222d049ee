/** `argus doctor`: explains in words the faults of a host, a guest or a policy. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { findConfig } from '../../../broker/config/index.ts';
import type { Diagnosis } from '../doctor/diagnosis.ts';
import { diagnoseGuest } from '../doctor/guest.ts';
import { diagnoseHost, diagnosePolicy } from '../doctor/host.ts';
import { CliError } from '../errors.ts';
import { printJson } from '../output.ts';

interface Flags {
  readonly host?: string;
  readonly guest?: string;
  readonly policy?: string;
  readonly json?: boolean;
}

const MARKS: Readonly<Record<Diagnosis['state'], string>> = { good: 'ok     ', warning: 'warning', problem: 'PROBLEM' };

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('find what is wrong with a host, a guest or a policy; nothing is changed')
    .option('--host <path>', 'argus.yaml of a host, or its directory')
    .option('--guest <path>', 'agent.yaml of a guest, or its directory')
    .option('--policy <directory>', 'a policy directory')
    .option('--json', 'print one JSON list')
    .addHelpText(
      'after',
      '\nWithout an option it looks at the argus.yaml and the agent.yaml that it finds here or in /etc/argus.\n\nExamples:\n  argus doctor\n  argus doctor --host my-host',
    )
    .action(async (flags: Flags) => {
      const found = await examine(flags);
      if (flags.json === true) printJson(found);
      else for (const each of found) process.stdout.write(`${lineOf(each)}\n`);
      if (found.some(({ state }) => state === 'problem')) process.exitCode = 1;
    });
}

async function examine({ host, guest, policy }: Flags): Promise<readonly Diagnosis[]> {
  const isTold = host !== undefined || guest !== undefined || policy !== undefined;
  const hostFile = isTold ? fileOf(host, 'argus.yaml') : findConfig('argus.yaml');
  const guestFile = isTold ? fileOf(guest, 'agent.yaml') : findConfig('agent.yaml');
  const found = [
    ...(hostFile == null ? [] : await diagnoseHost(hostFile)),
    ...(guestFile == null ? [] : await diagnoseGuest(guestFile)),
    ...(policy === undefined ? [] : await diagnosePolicy(policy)),
  ];
  if (found.length > 0) return found;
  throw new CliError(
    'ERR_CLI_NOTHING_TO_EXAMINE',
    'there is no argus.yaml and no agent.yaml here or in /etc/argus; name one with --host or --guest',
  );
}

/** `argus host` and `argus vm` name a host by its directory. */
function fileOf(path: string | undefined, name: string): string | undefined {
  return path !== undefined && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    ? join(path, name)
    : path;
}

function lineOf({ check, state, says, code }: Diagnosis): string {
  const suffix = code === null || says.includes(code) ? '' : ` (${code})`;
  return `${MARKS[state]}  ${check.padEnd(20)}  ${says}${suffix}`;
}
