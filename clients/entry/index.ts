/** The door of entry/: what every program does before it loads the rest. */
export { endOnBrokenPipe } from './broken-pipe.ts';
export { nodeProblem, OLDEST_NODE } from './node-version.ts';
