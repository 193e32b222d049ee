#!/usr/bin/env node
/** The process behind the bundled agent: what a guest needs, in one file, and nothing else. */
import { Command } from 'commander';
import { agentCommand } from './commands/agent.ts';
import { ringCommand } from './commands/ring.ts';
import { runProgram } from './run.ts';

// Not awaited: a single executable is CommonJS, which knows no await at the top.
void runProgram(
  new Command('argus')
    .version(process.env.ARGUS_AGENT_VERSION ?? 'not bundled')
    .description('the agent of a virtual machine, and rings in shell pipelines')
    .addCommand(agentCommand())
    .addCommand(ringCommand()),
);
