/** Finds the project's root and its programs, from the sources and from dist/. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FROM_SOURCES = new URL('../../', import.meta.url);
const IS_SOURCES = existsSync(new URL('package.json', FROM_SOURCES));

export const ROOT = fileURLToPath(IS_SOURCES ? FROM_SOURCES : new URL('../demo/', FROM_SOURCES));

/** The file of a program: `programFile('clients/cli/main')`. */
export function programFile(name: string): string {
  return fileURLToPath(new URL(`${name}.${IS_SOURCES ? 'ts' : 'js'}`, FROM_SOURCES));
}

/** Arguments for node to run such a file; node finds the loader from ROOT. */
export function nodeArguments(name: string): readonly string[] {
  return [...(IS_SOURCES ? ['--import', 'tsx'] : []), programFile(name)];
}
