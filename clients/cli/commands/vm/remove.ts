/** `argus vm remove`: undoes `argus vm add`, and revokes the keys of the machine. */
import { Command } from 'commander';
import { removeVm } from '../../../host/index.ts';
import { printJson } from '../../output.ts';
import { who } from '../../who.ts';
import { removeUser } from '../nats-server.ts';

interface RemoveOptions {
  readonly host: string;
  readonly reason: string;
  readonly nats?: string;
  readonly listed?: boolean;
  readonly json?: boolean;
}

export function removeCommand(): Command {
  return new Command('remove')
    .description(
      'remove a virtual machine from a host: its keys are revoked, its session ends, its row and directory go',
    )
    .argument('<name>', 'as it was added')
    .option('--host <directory>', 'directory of the host', '.')
    .option('--reason <text>', 'why, for the register of the authority', 'removed')
    .option('--listed', 'leave its row in the inventory, as "argus vm add --listed" found it')
    .option('--nats <dir>', 'directory of a NATS server: the machine’s user there goes as well')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus vm remove files-vm --host my-host --reason "no longer needed"\n\nRun again after a failure, it goes on where it stopped. While a row of the policy names the machine it changes nothing.',
    )
    .action(async (name: string, { host, reason, nats, listed, json }: RemoveOptions) => {
      const removed = await removeVm(host, name, { reason, by: who(), isListed: listed === true });
      const server = nats === undefined ? null : await removeUser(nats, name);
      if (json === true) printJson({ name, ...removed, nats: server });
      else
        process.stdout.write(
          [
            `removed ${name}`,
            removed.serial === null
              ? '  it had no credential'
              : `  revoked by list ${removed.serial}, ${describe(removed)}`,
            ...(server === null ? [] : [`  its user at the NATS server of ${nats} is removed`]),
            '',
          ].join('\n'),
        );
    });
}

function describe({ broker, ended }: { readonly broker: string | null; readonly ended: number }): string {
  return broker === 'running'
    ? `in force at the running broker: ${ended} sessions ended`
    : 'in force when the broker starts';
}
