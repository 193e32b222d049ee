/** The deviations as they stand in the test files: what docs/argo-deviations.md has to list. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Deviation {
  readonly id: string;
  /** What Argus does instead and why, as the test says it. */
  readonly why: string;
  /** Path of the test from the root of the repository. */
  readonly file: string;
}

const REGISTERED = /statement\(\s*'(A\d\d)',\s*\{\s*deviation:\s*'([^']+)'/g;

/** By number. */
export function readDeviations(): Deviation[] {
  const directory = fileURLToPath(new URL('.', import.meta.url));
  const files = readdirSync(directory).filter((name) => name.endsWith('.test.ts') && !name.startsWith('report'));
  return files
    .flatMap((name) => {
      const source = readFileSync(`${directory}${name}`, 'utf8');
      return [...source.matchAll(REGISTERED)].map(([, id = '', why = '']) => ({
        id,
        why,
        file: `test/conformance/${name}`,
      }));
    })
    .sort((a, b) => a.id.localeCompare(b.id));
}
