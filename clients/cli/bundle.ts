/**
 * Joins the modules of each program into a few files, in place of its compiled main file: a process that loads 700
 * modules one by one needs twice the CPU time to start. Packages stay outside, so that their updates take effect.
 *
 *     node clients/cli/bundle.js SOURCES OUT
 *
 * SOURCES: the root of the sources. OUT: the tree of their compiled form, where all other files stay as they are.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

/** The programs that start often: the command line, the demo and its roles, and the workers of `audit verify`. */
export const PROGRAMS: readonly string[] = [
  'clients/cli/main.ts',
  'clients/demo/main.ts',
  'clients/demo/roles/audio-vm.ts',
  'clients/demo/roles/chrome-vm.ts',
  'clients/demo/roles/rogue-vm.ts',
  'broker/audit/verify/scan-worker.ts',
];
/** Directory below OUT with the code that several programs share. */
const SHARED = 'shared';

/** Stands for the way from an output file to the root, which is known only when the file is complete. */
const ROOT_MARK = 'argus-root:';

export async function bundlePrograms(sources: string, out: string): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: PROGRAMS.map((program) => join(sources, program)),
    outbase: sources,
    outdir: out,
    chunkNames: `${SHARED}/[name]-[hash]`,
    write: false,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [keepsPlaces(sources)],
  });
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text.replaceAll(ROOT_MARK, relative(dirname(path), out).split(sep).join('/')));
  }
}

/** A module finds files relative to itself. In a bundle it still has the URL of its compiled form. */
function keepsPlaces(sources: string): Plugin {
  return {
    name: 'keeps-places',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const module = relative(sources, path).split(sep).join('/').replace(/\.ts$/, '.js');
        const url = `new URL(${JSON.stringify(`${ROOT_MARK}/${module}`)}, import.meta.url).href`;
        return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url), loader: 'ts' };
      });
    },
  };
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const [, , sources, out] = argv;
  if (sources === undefined || out === undefined) {
    process.stderr.write('usage: bundle.js SOURCES OUT\n');
    process.exitCode = 2;
  } else await bundlePrograms(resolve(sources), resolve(out));
}
