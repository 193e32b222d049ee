/** `argus policy …`: an admin's work on a policy directory before a broker reads it. */
import { Command } from 'commander';
import { applyCommand, candidateCommand, rollbackCommand } from './change/apply.ts';
import { editCommand } from './change/edit.ts';
import { logCommand, showCommand } from './change/history.ts';
import { checkCommand } from './check.ts';
import { diffCommand, noNewAccessCommand } from './diff.ts';
import { explainCommand } from './explain.ts';
import { flowCommand, graphCommand } from './flow.ts';
import { importCommand } from './import.ts';
import { infoCommand, matrixCommand } from './info.ts';
import { initCommand } from './init.ts';
import { replayCommand } from './replay/replay.ts';
import { shadowCommand } from './replay/shadow.ts';
import { simulateCommand } from './replay/simulate.ts';
import { suggestCommand } from './replay/suggest.ts';
import { searchCommand } from './search.ts';
import { bundleCommand, unbundleCommand } from './signed/bundle.ts';
import { publishCommand } from './signed/publish.ts';
import { signCommand, verifyCommand } from './signed/sign.ts';
import { testCommand } from './test.ts';
import { whyCommand } from './why.ts';

export function policyCommand(): Command {
  const command = new Command('policy').description('create, check, understand, compare and change policies');
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
    logCommand(),
    showCommand(),
    editCommand(),
    candidateCommand(),
    applyCommand(),
    rollbackCommand(),
    replayCommand(),
    simulateCommand(),
    shadowCommand(),
    suggestCommand(),
    importCommand(),
    bundleCommand(),
    unbundleCommand(),
    signCommand(),
    verifyCommand(),
    publishCommand(),
  ]) {
    command.addCommand(sub);
  }
  return command;
}
