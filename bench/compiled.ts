/**
 * Runs a bench as its programs ship: compiled. A loader that compiles in memory wraps every function for its name, also the
 * small ones that are made for each record, and that is a tenth of what an agent does for a frame.
 */
import { spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileTree } from '../test/support/runner/compile.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Does not return where the module at `url` is a source: its compiled twin runs instead, with the same arguments. */
export function runCompiled(url: string): void {
  if (!url.endsWith('.ts')) return;
  const { directory, typeErrors } = compileTree(ROOT);
  if (typeErrors !== null) throw new Error(typeErrors);
  const program = join(directory, relative(ROOT, fileURLToPath(url)).replace(/\.ts$/, '.js'));
  const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exit(status ?? 1);
}
