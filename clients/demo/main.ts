#!/usr/bin/env node
/** The process behind `npm run demo`: looks at Node first, then loads the rest. */
import { nodeProblem } from '../node-version/index.ts';

const problem = nodeProblem(process.versions.node);
if (problem === null) {
  const { runCommandLine } = await import('./command-line.ts');
  await runCommandLine();
} else {
  process.stderr.write(`demo: ${problem}\n`);
  process.exitCode = 1;
}
