#!/usr/bin/env node
/** The process behind `argus`: runs one command, turns an error into one line and an exit code. */
import { exitCodeOf, printError } from './output.ts';
import { argusProgram } from './program.ts';

try {
  await argusProgram().parseAsync();
} catch (error) {
  printError(error);
  process.exitCode = exitCodeOf(error);
}
