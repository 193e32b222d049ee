#!/usr/bin/env node
/** The process behind the bundled agent: what a guest needs, in one file, and nothing else. */
import { Command } from 'commander';
import { agentCommand } from './commands/agent.ts';
import { ringCommand } from './commands/ring.ts';
import { runProgram } from './run.ts';

await runProgram(
  new Command('argus')
    .description('the agent of a virtual machine, and rings in shell pipelines')
    .addCommand(agentCommand())
    .addCommand(ringCommand()),
);
