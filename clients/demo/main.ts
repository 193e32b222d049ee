#!/usr/bin/env node
/** The process of `npm run demo`: checks the version of Node before it loads the rest. */
import { endOnBrokenPipe, nodeProblem } from '../entry/index.ts';

endOnBrokenPipe();
const problem = nodeProblem(process.versions.node);
if (problem === null) {
  const { runCommandLine } = await import('./command-line.ts');
  await runCommandLine();
} else {
  process.stderr.write(`demo: ${problem}\n`);
  process.exitCode = 1;
}
