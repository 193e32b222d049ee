/** `argus policy …`: what an admin does with a policy directory before a broker sees it. */
import { Command } from 'commander';
import { checkCommand } from './check.ts';
import { diffCommand, noNewAccessCommand } from './diff.ts';
import { explainCommand } from './explain.ts';
import { flowCommand, graphCommand } from './flow.ts';
import { infoCommand, matrixCommand } from './info.ts';
import { initCommand } from './init.ts';
import { searchCommand } from './search.ts';
import { testCommand } from './test.ts';
import { whyCommand } from './why.ts';

export function policyCommand(): Command {
  const command = new Command('policy').description('create, check, understand and compare policy directories');
  for (const sub of [
    checkCommand(),
    initCommand(),
    whyCommand(),
    diffCommand(),
    noNewAccessCommand(),
    searchCommand(),
    flowCommand(),
    graphCommand(),
    matrixCommand(),
    infoCommand(),
    testCommand(),
    explainCommand(),
  ]) {
    command.addCommand(sub);
  }
  return command;
}
