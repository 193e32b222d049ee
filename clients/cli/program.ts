/** Every command of `argus`. */
import { Command } from 'commander';
import { VERSION } from '../../broker/index.ts';
import { agentCommand } from './commands/agent.ts';
import { audioCommand } from './commands/audio/audio.ts';
import { auditCommand } from './commands/audit.ts';
import { brokerCommand } from './commands/broker.ts';
import { clusterCommand } from './commands/cluster.ts';
import { consoleCommand } from './commands/console.ts';
import { demoCommand } from './commands/demo.ts';
import { deviceCommand } from './commands/device.ts';
import { doctorCommand } from './commands/doctor.ts';
import { grantCommand, grantsCommand, revokeCommand } from './commands/grants.ts';
import { hostCommand } from './commands/host.ts';
import { keysCommand } from './commands/keys.ts';
import { natsCommand } from './commands/nats.ts';
import { netCommand } from './commands/net.ts';
import { policyCommand } from './commands/policy/index.ts';
import { ringCommand } from './commands/ring.ts';
import { completionCommand } from './commands/shell/completion.ts';
import { knownValuesCommand } from './commands/shell/known-values.ts';
import { manCommand } from './commands/shell/man.ts';
import { reloadCommand, statusCommand } from './commands/status.ts';
import { vmCommand } from './commands/vm.ts';
import { whyCommand } from './commands/why.ts';

export function argusProgram(): Command {
  return new Command('argus')
    .description('policy-enforced message broker between virtual machines')
    .version(VERSION)
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 it failed (one line on stderr says why), 2 the command line is wrong. More: docs/commands.md',
    )
    .addCommand(hostCommand())
    .addCommand(brokerCommand())
    .addCommand(agentCommand())
    .addCommand(ringCommand())
    .addCommand(vmCommand())
    .addCommand(deviceCommand())
    .addCommand(statusCommand())
    .addCommand(reloadCommand())
    .addCommand(whyCommand())
    .addCommand(doctorCommand())
    .addCommand(grantCommand())
    .addCommand(revokeCommand())
    .addCommand(grantsCommand())
    .addCommand(policyCommand())
    .addCommand(keysCommand())
    .addCommand(auditCommand())
    .addCommand(consoleCommand())
    .addCommand(audioCommand())
    .addCommand(natsCommand())
    .addCommand(clusterCommand())
    .addCommand(netCommand())
    .addCommand(demoCommand())
    .addCommand(completionCommand())
    .addCommand(manCommand())
    .addCommand(knownValuesCommand(), { hidden: true });
}
