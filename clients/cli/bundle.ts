/**
 * Joins the modules of each program into a few files, in place of its compiled main file: a process that loads 700
 * modules one by one needs twice the CPU time to start. Packages are not part of these files (bundled-packages.ts).
 *
 *     node clients/cli/bundle.js SOURCES OUT
 *
 * SOURCES: the root of the sources. OUT: the tree of their compiled form, where all other files stay as they are.
 *
 * Each command of `argus` is a bundle of its own. In one bundle for all, a module that two commands share brings along
 * every module that it imports for others: `argus status` loaded the whole broker and its packages.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { bundlePackages, importsBundledPackages } from './bundled-packages.ts';

/** The programs that start often: the command line, the demo and its roles, and the workers of `audit verify`. */
export const PROGRAMS: readonly string[] = [
  'clients/cli/main.ts',
  'clients/demo/main.ts',
  'clients/demo/roles/audio-vm.ts',
  'clients/demo/roles/chrome-vm.ts',
  'clients/demo/roles/rogue-vm.ts',
  'broker/audit/verify/scan-worker.ts',
];
/** Imports the modules of the commands, each when it is needed. */
const COMMAND_TABLE = 'clients/cli/program.ts';
/** Directory below OUT with the commands, and with what a program loads later or not at all. */
const SHARED = 'shared';
const PACKAGES = `${SHARED}/packages`;

/** Stands for the way from an output file to the root, which is known only when the file is complete. */
const ROOT_MARK = 'argus-root:';

export async function bundlePrograms(sources: string, out: string): Promise<void> {
  rmSync(join(out, SHARED), { recursive: true, force: true });
  await bundlePackages(sources, join(out, PACKAGES));
  const commands = new Set<string>();
  const inPlace = (program: string): string => program.replace(/\.ts$/, '');
  await Promise.all(PROGRAMS.map((program) => bundle(sources, out, program, inPlace(program), commands)));
  await Promise.all([...commands].map((command) => bundle(sources, out, command, commandFile(command), commands)));
}

/** Where the bundle of a command is, below OUT and without its ending. */
function commandFile(command: string): string {
  return `${SHARED}/${inPath(command).replace(/\.ts$/, '')}`;
}

/** `entry` is relative to `sources`, `file` to `out`. Adds to `commands` what the command table imports. */
async function bundle(sources: string, out: string, entry: string, file: string, commands: Set<string>): Promise<void> {
  const { outputFiles, metafile } = await build({
    entryPoints: [{ in: join(sources, entry), out: file }],
    outdir: out,
    chunkNames: `${SHARED}/[name]-[hash]`,
    write: false,
    bundle: true,
    splitting: true,
    metafile: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [
      keepsPlaces(sources),
      separatesCommands(sources, commands),
      importsBundledPackages((name) => `${ROOT_MARK}/${PACKAGES}/${name}.js`),
    ],
  });
  const loaded = loadedFiles(metafile, join(out, `${file}.js`));
  for (const { path, text } of outputFiles) {
    if (!loaded.has(path)) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text.replaceAll(ROOT_MARK, relative(dirname(path), out).split(sep).join('/')));
  }
}

/** The output `entry` and all that it loads. esbuild also makes a file of what only removed code would have loaded. */
function loadedFiles({ outputs }: Metafile, entry: string): ReadonlySet<string> {
  const loaded = new Set([resolve(entry)]);
  const importsOf = new Map(Object.entries(outputs).map(([path, { imports }]) => [resolve(path), imports]));
  for (const path of loaded) {
    for (const { path: imported, external } of importsOf.get(path) ?? [])
      if (external !== true) loaded.add(resolve(imported));
  }
  return loaded;
}

/** The command table imports the bundle of each command instead of its module. */
function separatesCommands(sources: string, commands: Set<string>): Plugin {
  return {
    name: 'separates-commands',
    setup({ onResolve }) {
      onResolve({ filter: /^\./ }, ({ importer, kind, path }) => {
        if (kind !== 'dynamic-import' || relative(sources, importer) !== COMMAND_TABLE) return undefined;
        const command = relative(sources, resolve(dirname(importer), path));
        commands.add(command);
        return { path: `${ROOT_MARK}/${commandFile(command)}.js`, external: true };
      });
    },
  };
}

/** A module finds files relative to itself. In a bundle it still has the URL of its compiled form. */
function keepsPlaces(sources: string): Plugin {
  return {
    name: 'keeps-places',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const module = inPath(relative(sources, path)).replace(/\.ts$/, '.js');
        const url = `new URL(${JSON.stringify(`${ROOT_MARK}/${module}`)}, import.meta.url).href`;
        return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url), loader: 'ts' };
      });
    },
  };
}

/** A path as it is written in a module, whatever the separator of this system. */
function inPath(path: string): string {
  return path.split(sep).join('/');
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const [, , sources, out] = argv;
  if (sources === undefined || out === undefined) {
    process.stderr.write('usage: bundle.js SOURCES OUT\n');
    process.exitCode = 2;
  } else await bundlePrograms(resolve(sources), resolve(out));
}
