/**
 * Makes the agent one file, with everything it needs but Node: what a guest's image takes in.
 *
 *     node --import tsx clients/agent/bundle.ts OUT.mjs [ENTRY]
 */
import { argv } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** From the sources this file ends in .ts, from dist in .js. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const ENTRY = fileURLToPath(new URL(`../cli/agent-main.${EXTENSION}`, import.meta.url));

/** `entry` defaults to the agent; test guests have programs of their own bundled in the same way. */
export async function bundleAgent(out: string, entry = ENTRY): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile: out,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minify: true,
    legalComments: 'linked',
    // Packages in CommonJS among the dependencies call `require` for Node's own modules.
    banner: { js: "import{createRequire as __r}from'node:module';const require=__r(import.meta.url);" },
  });
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const out = argv[2];
  if (out === undefined) {
    process.stderr.write('usage: bundle.ts OUT.mjs [ENTRY]\n');
    process.exitCode = 2;
  } else await bundleAgent(out, argv[3]);
}
