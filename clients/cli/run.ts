/** Runs one command of a program; turns an error into one line and an exit code. */
import type { Command } from 'commander';
import { exitCodeOf, printError } from './output.ts';
import { showProgress } from './progress/index.ts';

export async function runProgram(program: Command): Promise<void> {
  setUp(program);
  let endProgress = (): void => {};
  program.hook('preAction', (_, command) => {
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
}

/** Commands that were built on their own do not inherit their parent's settings. */
function setUp(command: Command): void {
  command.exitOverride().showSuggestionAfterError().showHelpAfterError('(--help shows how to use this command)');
  for (const each of command.commands) setUp(each);
}
