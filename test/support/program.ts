/** How a test starts a program of the project: compiled, as the test itself is, or from the source if the test is. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The tree that the test runs in: `.build/`, or the working tree. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** For what needs git, or what `npm run build` made. */
export const WORKING_TREE = ROOT.replace(/\.build\/$/, '');
/** The source of `argus`. */
export const CLI = 'clients/cli/main.ts';

const IS_COMPILED = import.meta.url.endsWith('.js');

/** What Node needs before it can load the project's modules. */
export const LOADER: readonly string[] = IS_COMPILED ? [] : ['--import', import.meta.resolve('tsx')];

/** The file to start or to import for the source at this path, which is relative to ROOT. */
export function programFile(source: string): string {
  return join(ROOT, IS_COMPILED ? source.replace(/\.ts$/, '.js') : source);
}

/** Arguments of Node that start the program: `nodeArguments(CLI, 'status')`. */
export function nodeArguments(source: string, ...args: readonly string[]): string[] {
  return [...LOADER, programFile(source), ...args];
}
