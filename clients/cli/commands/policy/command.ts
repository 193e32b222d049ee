/** `argus policy …`: an admin's work on a policy directory before a broker reads it. */
import { Command } from 'commander';
import { diffCommand, noNewAccessCommand } from './analyse/diff.ts';
import { flowCommand, graphCommand } from './analyse/flow.ts';
import { infoCommand, matrixCommand } from './analyse/info.ts';
import { searchCommand } from './analyse/search.ts';
import { applyCommand, candidateCommand, rollbackCommand } from './change/apply.ts';
import { editCommand } from './change/edit.ts';
import { logCommand, showCommand } from './change/history.ts';
import { checkCommand } from './check/check.ts';
import { explainCommand } from './check/explain.ts';
import { testCommand } from './check/test.ts';
import { importCommand } from './import.ts';
import { initCommand } from './init.ts';
import { replayCommand } from './replay/replay.ts';
import { shadowCommand } from './replay/shadow.ts';
import { simulateCommand } from './replay/simulate.ts';
import { suggestCommand } from './replay/suggest.ts';
import { bundleCommand, unbundleCommand } from './signed/bundle.ts';
import { publishCommand } from './signed/publish.ts';
import { signCommand, verifyCommand } from './signed/sign.ts';
import { whyCommand } from './why/why.ts';

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
