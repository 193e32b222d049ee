/** `argus demo`: the demo of the package, run as a program of its own because it has exit codes and signals of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';

/** From the sources this file ends in .ts and its children need the same loader; from dist it ends in .js. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const MAIN = fileURLToPath(new URL(`../../demo/main.${EXTENSION}`, import.meta.url));

export function demoCommand(): Command {
  return new Command('demo')
    .description('play sound between two VMs through a broker while a third attacks (demo --help: options)')
    .helpOption(false)
    .allowUnknownOption()
    .argument('[options...]', 'options of the demo')
    .addHelpText('after', '\nExamples:\n  argus demo\n  argus demo --fast --json')
    .action(async (options: readonly string[]) => {
      let child: ChildProcess | null = null;
      // The terminal signals both processes; this one waits for the demo to clean up. It listens before the demo runs.
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child?.kill(signal));
      child = spawn(process.execPath, [...process.execArgv, MAIN, ...options], {
        stdio: 'inherit',
        env: { ...process.env, ARGUS_PROGRAM: 'argus demo' },
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      process.exitCode = code ?? 1;
    });
}
