/**
 * Measures which lines of the product the tests in memory execute, by folder. V8 counts while the tests run
 * (NODE_V8_COVERAGE). Processes that tests start are not counted.
 *
 * `coverage.json` holds a floor for each folder, in per cent. A run of all tests fails below it. `--write-times` raises
 * it, and nothing lowers it.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PROGRAMS } from '../../../clients/cli/bundle.ts';
import { compiledPath } from './compile.ts';

/** Distance of a floor below the measurement, in points: random inputs and the machine change the result a little. */
const FLOOR_MARGIN = 1;
const FLOORS = 'test/support/runner/coverage.json';
const PRODUCT = ['broker', 'policy', 'clients', 'keys'];
/** The page for a browser. It is compiled and tested there. */
const PAGE = 'clients/audit/console/page/';
/** They hold a second copy of the modules, which no test in memory runs. */
const BUNDLES: readonly string[] = PROGRAMS.map(compiledPath);

/** The format of V8: ranges of one function, outer before inner ones. Offsets refer to the text of the script. */
export interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
  }[];
}

export interface FolderCoverage {
  readonly folder: string;
  readonly covered: number;
  readonly lines: number;
}

/** Folder -> per cent. */
export type Floors = Readonly<Record<string, number>>;

/** Sums the executed code of the compiled tree over several processes. */
export class Coverage {
  readonly #texts = new Map<string, string>();
  /** By file: 1 where some process executed the character. */
  readonly #executed = new Map<string, Uint8Array>();

  /** `texts`: path -> compiled text. */
  constructor(texts: ReadonlyMap<string, string>) {
    for (const [path, text] of texts) {
      this.#texts.set(path, text);
      this.#executed.set(path, new Uint8Array(text.length));
    }
  }

  add(path: string, { functions }: ScriptCoverage): void {
    const all = this.#executed.get(path);
    if (all === undefined) return;
    const own = new Uint8Array(all.length);
    for (const { ranges } of functions)
      for (const { startOffset, endOffset, count } of ranges) own.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    for (let at = 0; at < own.length; at++) if (own[at] === 1) all[at] = 1;
  }

  folders(): FolderCoverage[] {
    const totals = new Map<string, { covered: number; lines: number }>();
    for (const [path, text] of this.#texts) {
      const folder = path.split('/').slice(0, -1).slice(0, 2).join('/');
      const total = totals.get(folder) ?? { covered: 0, lines: 0 };
      totals.set(folder, total);
      for (const at of codeOffsets(text)) {
        total.lines++;
        total.covered += this.#executed.get(path)?.[at] ?? 0;
      }
    }
    return [...totals].map(([folder, total]) => ({ folder, ...total })).sort((a, b) => (a.folder < b.folder ? -1 : 1));
  }
}

/** The offset of each line of code. Omits blank lines, comments, and lines with only brackets. */
export function codeOffsets(text: string): number[] {
  const offsets: number[] = [];
  let start = 0;
  for (const line of text.split('\n')) {
    const code = line.trimStart();
    if (/\w/.test(code) && !/^(\/\/|\/\*|\*)/.test(code)) offsets.push(start + line.length - code.length);
    start += line.length + 1;
  }
  return offsets;
}

/** Reads the coverage files that the processes of a run wrote into `directory`. */
export function readCoverage(tree: string, directory: string): FolderCoverage[] {
  const coverage = new Coverage(
    new Map(compiledFiles(tree).map((path) => [path, readFileSync(join(tree, path), 'utf8')])),
  );
  const prefix = pathToFileURL(join(tree, '/')).href;
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const { result }: { result: readonly ScriptCoverage[] } = JSON.parse(readFileSync(join(directory, name), 'utf8'));
    for (const script of result)
      if (script.url.startsWith(prefix)) coverage.add(script.url.slice(prefix.length), script);
  }
  return coverage.folders();
}

function compiledFiles(tree: string): string[] {
  return PRODUCT.flatMap((folder) => readdirSync(join(tree, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
    .map((entry) => relative(tree, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith(PAGE) && !BUNDLES.includes(path));
}

export function percentOf({ covered, lines }: FolderCoverage): number {
  return lines === 0 ? 100 : (100 * covered) / lines;
}

export function readFloors(root: string): Floors {
  return existsSync(join(root, FLOORS)) ? JSON.parse(readFileSync(join(root, FLOORS), 'utf8')) : {};
}

/** One line for each folder that fell below its floor. */
export function belowFloor(folders: readonly FolderCoverage[], floors: Floors): string[] {
  return folders
    .filter((folder) => percentOf(folder) < (floors[folder.folder] ?? 0))
    .map(
      (folder) =>
        `tests in memory execute ${percentOf(folder).toFixed(1)} % of ${folder.folder}/, and must execute ${floors[folder.folder]} %`,
    );
}

/**
 * A floor rises to a point below the measured per cent, and never falls. Folders that no longer exist have no floor.
 */
export function raised(floors: Floors, folders: readonly FolderCoverage[]): Floors {
  return Object.fromEntries(
    folders.map((folder) => [
      folder.folder,
      Math.max(floors[folder.folder] ?? 0, Math.floor(percentOf(folder) - FLOOR_MARGIN), 0),
    ]),
  );
}

export function writeFloors(root: string, floors: Floors): void {
  writeFileSync(join(root, FLOORS), `${JSON.stringify(floors, null, 2)}\n`);
}
