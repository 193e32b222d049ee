/** Starts a program of the project for a test: compiled if the test itself is compiled, else from the source. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The tree that the test runs in: `.build/`, or the working tree. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The working tree, for tests that need git or the output of `npm run build`. */
export const WORKING_TREE = ROOT.replace(/\.build\/$/, '');
/** The source of `argus`. */
export const CLI = 'clients/cli/main.ts';

const IS_COMPILED = import.meta.url.endsWith('.js');

/** Arguments that Node needs to load the project's modules. */
export const LOADER: readonly string[] = IS_COMPILED ? [] : ['--import', import.meta.resolve('tsx')];

/** The file to start or to import for the source at this path, which is relative to ROOT. */
export function programFile(source: string): string {
  return join(ROOT, IS_COMPILED ? source.replace(/\.ts$/, '.js') : source);
}

/** Arguments of Node that start the program: `nodeArguments(CLI, 'status')`. */
export function nodeArguments(source: string, ...args: readonly string[]): string[] {
  return [...LOADER, programFile(source), ...args];
}
