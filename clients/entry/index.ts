/** What every process looks at before it loads anything else. */
export { nodeProblem, OLDEST_NODE } from './node-version.ts';
