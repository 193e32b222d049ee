#!/usr/bin/env node
/** The process of the bundled agent: the commands that a guest needs, in one file. */
import { Command } from 'commander';
import { endOnBrokenPipe } from '../entry/index.ts';
import { agentCommand } from './commands/agent.ts';
import { ringCommand } from './commands/ring.ts';
import { runProgram } from './run.ts';

endOnBrokenPipe();
// Not awaited: a single executable is CommonJS, which has no top-level await.
void runProgram(
  new Command('argus')
    .version(process.env.ARGUS_AGENT_VERSION ?? 'not bundled')
    .description('the agent of a virtual machine, and rings in shell pipelines')
    .addCommand(agentCommand())
    .addCommand(ringCommand()),
);
