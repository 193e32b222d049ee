/**
 * Makes the agent one file, with everything it needs but Node: what a guest's image takes in.
 *
 *     node --import tsx clients/agents/guest/bundle.ts OUT.mjs [ENTRY]
 */
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** From the sources this file ends in .ts, from dist in .js. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const ENTRY = fileURLToPath(new URL(`../../cli/agent-main.${EXTENSION}`, import.meta.url));
/** Packages in CommonJS among the dependencies call `require` for Node's own modules. */
const REQUIRE = "import{createRequire as __r}from'node:module';const require=__r(import.meta.url);";

/** `entry` defaults to the agent; test guests have programs of their own bundled in the same way. */
export async function bundleAgent(out: string, entry = ENTRY, format: 'esm' | 'cjs' = 'esm'): Promise<void> {
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: out,
    bundle: true,
    platform: 'node',
    format,
    target: 'node20',
    minify: true,
    legalComments: 'none', // whole licences follow
    metafile: true,
    // A single file has no package.json to read.
    define: { 'process.env.ARGUS_AGENT_VERSION': JSON.stringify(version()) },
    // In a CommonJS file `import.meta.url` is empty, and code that looks for a file next to it does without.
    logOverride: { 'empty-import-meta': 'silent' },
    banner: format === 'esm' ? { js: REQUIRE } : {},
  });
  appendFileSync(out, licences(Object.keys(metafile.inputs)));
}

/** The licences of the bundled packages require that they go with the bundle. */
function licences(inputs: readonly string[]): string {
  const packages = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []));
  const texts = [...packages].sort().map((directory) => {
    const file = readdirSync(directory).find((name) => /^licen[cs]e/i.test(name));
    if (file === undefined) throw new Error(`"${directory}" has no licence to take along`);
    return `${directory.replace(/^.*node_modules\//, '')}\n\n${readFileSync(join(directory, file), 'utf8').trimEnd()}\n`;
  });
  const lines = texts.join('\n').split('\n');
  return `\n// This file contains:\n//\n${lines.map((line) => `// ${line}`.trimEnd()).join('\n')}\n`;
}

function version(): string {
  const found = ['../../../package.json', '../../../../package.json'].find((up) =>
    existsSync(new URL(up, import.meta.url)),
  );
  return JSON.parse(readFileSync(new URL(found ?? '../../../package.json', import.meta.url), 'utf8')).version;
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const out = argv[2];
  if (out === undefined) {
    process.stderr.write('usage: bundle.ts OUT.mjs [ENTRY]\n');
    process.exitCode = 2;
  } else await bundleAgent(out, argv[3]);
}
