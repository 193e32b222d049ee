/** A copy of the working tree in which mutants are tried, so that an interrupted run leaves no broken line behind. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryDirectory } from '../support/temp.ts';
import { applyMutant, type Mutant, type Place } from './mutant.ts';

export class TreeCopy {
  readonly directory = temporaryDirectory();

  /** Everything that git knows or would add; the packages are shared. */
  constructor(root: string) {
    const listing = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
    });
    for (const file of listing.split('\0')) {
      const source = join(root, file);
      if (file === '' || !existsSync(source)) continue;
      const target = join(this.directory, file);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(source, target);
    }
    symlinkSync(join(root, 'node_modules'), join(this.directory, 'node_modules'));
  }

  /** Breaks the line for as long as `work` takes. */
  async with<T>(mutant: Mutant, work: (place: Place) => Promise<T>): Promise<T> {
    const { place, source } = applyMutant(this.directory, mutant);
    const path = join(this.directory, place.file);
    const original = readFileSync(path);
    writeFileSync(path, source);
    try {
      return await work(place);
    } finally {
      writeFileSync(path, original);
    }
  }
}
