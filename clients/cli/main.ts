#!/usr/bin/env node
/** The process behind `argus`: parses the command line, runs one command, turns an error into one line and an exit code. */
import { Command } from 'commander';
import { exitCodeOf, printError } from './output.ts';
import { VERSION } from './version.ts';

const program = new Command('argus')
  .description('policy-enforced message broker between virtual machines')
  .version(VERSION)
  .showHelpAfterError('(argus --help lists the commands)')
  .showSuggestionAfterError();

try {
  await program.parseAsync();
} catch (error) {
  printError(error);
  process.exitCode = exitCodeOf(error);
}
