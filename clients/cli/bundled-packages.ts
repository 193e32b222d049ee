/**
 * Joins each package that most commands load into one file. zod and yaml alone have two hundred files, and finding them
 * took a third of the CPU time of `argus status`.
 *
 * Packages with cryptography stay where npm puts them: an update of such a package takes effect without a new build. So
 * do packages that are loaded late or seldom.
 */
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const BUNDLED = ['casbin', 'cli-table3', 'commander', 'pino', 'yaml', 'zod'];

/** Packages of CommonJS call `require` for modules of Node. */
const REQUIRE = `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);`;

/** Writes `NAME.js` into `directory` for each package. The packages are found from `sources`. */
export async function bundlePackages(sources: string, directory: string): Promise<void> {
  await Promise.all(
    BUNDLED.map(async (name) =>
      build({
        stdin: { contents: await reexportsOf(name), resolveDir: sources },
        outfile: join(directory, `${name}.js`),
        bundle: true,
        platform: 'node',
        format: 'esm',
        target: 'node20',
        banner: { js: REQUIRE },
      }),
    ),
  );
}

/** Imports of a bundled package are imports of its file, whose path `fileOf` returns. */
export function importsBundledPackages(fileOf: (name: string) => string): Plugin {
  return {
    name: 'imports-bundled-packages',
    setup({ onResolve }) {
      onResolve({ filter: new RegExp(`^(${BUNDLED.join('|')})$`) }, ({ path }) => ({
        path: fileOf(path),
        external: true,
      }));
    },
  };
}

/** By name: the names that a CommonJS package exports are known only when it runs. */
async function reexportsOf(name: string): Promise<string> {
  const names = Object.keys((await import(name)) as object).filter((each) => each !== 'module.exports');
  return `export { ${names.join(', ')} } from ${JSON.stringify(name)};`;
}
