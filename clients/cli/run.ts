/**
 * Runs one command of a program; turns an error into one line and an exit code. A command that has closed everything ends
 * soon, also when something that it forgot would keep Node alive.
 */
import type { Command } from 'commander';
import { endSoon } from '../entry/index.ts';
import { pathOf } from './command-path.ts';
import { exitCodeOf, printError } from './output.ts';
import { showProgress } from './progress/index.ts';
import { stepBackIfReader } from './step-back.ts';

export async function runProgram(program: Command): Promise<void> {
  setUp(program);
  let endProgress = (): void => {};
  let name = program.name();
  program.hook('preAction', (_, command) => {
    const path = pathOf(command);
    name = path.join(' ');
    stepBackIfReader(command.opts().follow === true ? [...path, '--follow'] : path);
    endProgress = showProgress(command);
  });
  try {
    await program.parseAsync();
    endProgress();
  } catch (error) {
    endProgress();
    printError(error);
    process.exitCode = exitCodeOf(error);
  }
  endSoon(name);
}

/** Commands that were built on their own do not inherit their parent's settings. */
function setUp(command: Command): void {
  command.exitOverride().showSuggestionAfterError().showHelpAfterError('(--help shows how to use this command)');
  for (const each of command.commands) setUp(each);
}
