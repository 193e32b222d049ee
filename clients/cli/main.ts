#!/usr/bin/env node
/** The process of `argus`: checks the version of Node before it loads the rest. */
import { endOnBrokenPipe, nodeProblem } from '../entry/index.ts';

endOnBrokenPipe();
const problem = nodeProblem(process.versions.node);
if (problem === null) {
  // Before the rest is loaded: that takes a tenth of a second of a core. `run` reads the line as a whole.
  const { stepBackIfReader } = await import('./step-back.ts');
  stepBackIfReader(process.argv.slice(1));
  const [{ runProgram }, { argusProgram }] = await Promise.all([import('./run.ts'), import('./program.ts')]);
  await runProgram(await argusProgram(process.argv[2]));
} else {
  process.stderr.write(`argus: ${problem}\n`);
  process.exitCode = 1;
}
