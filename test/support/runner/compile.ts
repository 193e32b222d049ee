/**
 * The tree in which tests run. `.build/` mirrors the working tree: each file is copied to the same path, and each `.ts`
 * file has its compiled `.js` next to it. Tests and the programs that they start run there with plain Node.
 *
 * A process that compiles its modules while it loads them takes three times as long to start, and a run of all tests
 * starts about a thousand processes. For the same reason the main files of the programs are bundles, as in dist/. Paths
 * relative to `import.meta.url` find the same files as in the working tree.
 *
 * Below `.build/test/` the import `uvu` loads observed-uvu.ts, so that the runner sees each step of each test.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

const BUILD = '.build';
/** Directories that are used in place and not copied. */
export const SHARED: readonly string[] = ['node_modules', 'dist'];
const UVU = 'test/node_modules/uvu';
const OBSERVED_UVU: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    name: 'uvu',
    type: 'module',
    exports: { '.': './index.js', './assert': './assert.js' },
  }),
  'index.js': `export * from '../../support/runner/observed-uvu.js';\n`,
  'assert.js': `export * from '../../../node_modules/uvu/assert/index.mjs';\n`,
};

export interface Tree {
  /** Absolute path of the compiled tree. */
  readonly directory: string;
  /** Errors of the compiler; null when there are none. Tests run in either case. */
  readonly typeErrors: string | null;
}

/** Brings `.build/` up to date. Unchanged files are neither copied nor compiled again. */
export function compileTree(root: string): Tree {
  const directory = join(root, BUILD);
  const files = new Set(filesOf(root));
  removeOthers(directory, files);
  for (const file of files) copy(join(root, file), join(directory, file));
  for (const name of SHARED) link(join(root, name), join(directory, name));
  for (const [name, text] of Object.entries(OBSERVED_UVU)) write(join(directory, UVU, name), text);
  const compiled = errorsOf(join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.test.json'));
  // The trees of the runner's own tests have no programs.
  const bundler = join(directory, 'clients/cli/bundle.js');
  const bundled = existsSync(bundler) ? errorsOf(bundler, directory, directory) : null;
  return { directory, typeErrors: compiled ?? bundled };
}

/** What a tool says about the sources; null when it says that they are good. */
function errorsOf(...command: readonly string[]): string | null {
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  return status === 0 ? null : stdout + stderr;
}

/** The path of the compiled form of a source. */
export function compiledPath(path: string): string {
  return path.replace(/\.ts$/, '.js');
}

/** All files that git tracks or would add. */
function filesOf(root: string): string[] {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\0');
  return files.filter((file) => file !== '' && existsSync(join(root, file)));
}

function removeOthers(directory: string, files: ReadonlySet<string>): void {
  if (!existsSync(directory)) return;
  const isWanted = (file: string): boolean =>
    files.has(file) ||
    file.startsWith('.') ||
    file.startsWith(`${UVU}/`) ||
    files.has(file.replace(/\.js(\.map)?$/, '.ts'));
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !isWanted(relative(directory, path))) rmSync(path);
  }
}

function copy(source: string, target: string): void {
  const { size, mtime } = statSync(source);
  const old = statSync(target, { throwIfNoEntry: false });
  if (old?.size === size && old.mtime.getTime() === mtime.getTime()) return;
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
  utimesSync(target, mtime, mtime);
}

function link(source: string, target: string): void {
  if (existsSync(source) && !existsSync(target)) symlinkSync(source, target);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
