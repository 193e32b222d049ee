#!/usr/bin/env node
/** The process behind `argus`: looks at Node first, then loads the rest. */
import { nodeProblem } from '../entry/index.ts';

const problem = nodeProblem(process.versions.node);
if (problem === null) {
  const [{ runProgram }, { argusProgram }] = await Promise.all([import('./run.ts'), import('./program.ts')]);
  await runProgram(argusProgram());
} else {
  process.stderr.write(`argus: ${problem}\n`);
  process.exitCode = 1;
}
