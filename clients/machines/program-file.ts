/** Finds the project's root and its programs, from the sources, from their compiled form next to them, and from dist/. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FROM_SOURCES = new URL('../../', import.meta.url);
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const IS_ROOT = existsSync(new URL('package.json', FROM_SOURCES));

export const ROOT = fileURLToPath(IS_ROOT ? FROM_SOURCES : new URL('../demo/', FROM_SOURCES));

/** The file of a program: `programFile('clients/cli/main')`. */
export function programFile(name: string): string {
  return fileURLToPath(new URL(`${name}.${EXTENSION}`, FROM_SOURCES));
}

/** Arguments for node to run such a file; node finds the loader from ROOT. */
export function nodeArguments(name: string): readonly string[] {
  return [...(EXTENSION === 'ts' ? ['--import', 'tsx'] : []), programFile(name)];
}
