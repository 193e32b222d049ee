#!/usr/bin/env node
/** The process behind `npm run demo`: options in, one exit code out. */
import { Command } from 'commander';
import { runDemo } from './demo.ts';
import { printDemoError } from './report.ts';

const program = new Command('demo')
  .description('audio from one VM to another through a real broker, while a rogue VM attacks')
  .option('--wav <file>', 'play this file (44.1 kHz, 16 bit, stereo) instead of the built-in recording')
  .option('--fast', 'as fast as possible instead of at real-time pace')
  .option('--json', 'print the summary as one JSON object on the last line')
  .option('--out <file>', 'keep what audio-vm heard in this WAV file')
  .option('--keep', 'keep the temporary directory: keys, policy, audit log');

try {
  await program.parseAsync();
  const isGood = await runDemo(program.opts());
  process.exitCode = isGood ? 0 : 1;
} catch (error) {
  printDemoError(error);
  process.exitCode = 1;
}
