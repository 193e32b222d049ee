/** A copy of the compiled tree in which mutants are tried, so that an interrupted run leaves no broken line behind. */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { transformSync } from 'esbuild';
import { PROGRAMS } from '../../clients/cli/bundle.ts';
import { compiledPath, SHARED } from '../support/runner/compile.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { applyMutant, type BrokenLine, type Place } from './mutant.ts';

export class TreeCopy {
  readonly directory = temporaryDirectory();

  /** `tree`: a compiled tree (compile.ts); the packages are shared. */
  constructor(tree: string) {
    const isCopied = (path: string): boolean => !SHARED.includes(relative(tree, path));
    cpSync(tree, this.directory, { recursive: true, filter: isCopied });
    symlinkSync(join(tree, 'node_modules'), join(this.directory, 'node_modules'));
    for (const program of PROGRAMS) this.#unbundle(program);
  }

  /** A bundle holds a copy of each line, so a broken line would change nothing there. */
  #unbundle(program: string): void {
    const path = join(this.directory, program);
    writeFileSync(compiledPath(path), compileSource(readFileSync(path, 'utf8'), basename(path)));
  }

  /** Breaks the line, in the source and in its compiled form, for as long as `work` takes. */
  async with<T>(mutant: BrokenLine, work: (place: Place) => Promise<T>): Promise<T> {
    const { place, source } = applyMutant(this.directory, mutant);
    const path = join(this.directory, place.file);
    const originals = [path, compiledPath(path)].map((each) => [each, readFileSync(each)] as const);
    try {
      writeFileSync(path, source);
      if (path.endsWith('.ts')) writeFileSync(compiledPath(path), compileSource(source, basename(path)));
      return await work(place);
    } finally {
      for (const [each, original] of originals) writeFileSync(each, original);
    }
  }
}

/** Without looking at types: a broken line may leave a variable unused. */
function compileSource(source: string, name: string): string {
  const { code } = transformSync(source, { loader: 'ts', target: 'es2023', sourcefile: name });
  return code.replace(/(\bfrom |\bimport |\bimport\()(["'])(\.[^"']*)\.ts\2/g, '$1$2$3.js$2');
}
