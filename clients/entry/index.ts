/** Entry of entry/: the first steps of every program, before it loads the rest. */
export { endOnBrokenPipe } from './broken-pipe.ts';
export { endSoon } from './end-soon.ts';
export { nodeProblem, OLDEST_NODE } from './node-version.ts';
