/**
 * Makes the agent one executable, for guests without a Node: the node that runs this script, with the bundle inside
 * (Node's "single executable applications", which take CommonJS only).
 *
 *     node --import tsx clients/agents/guest/single-executable.ts OUT
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, execPath } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleAgent } from './bundle.ts';

/** Marks the place in node where the bundle goes, and is changed when it is there. Given by Node's documentation. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

async function makeExecutable(out: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'argus-'));
  const at = (name: string): string => join(directory, name);
  const plan = {
    main: at('agent.cjs'),
    output: at('agent.blob'),
    disableExperimentalSEAWarning: true,
    useCodeCache: true,
  };
  try {
    await bundleAgent(plan.main, undefined, 'cjs');
    writeFileSync(at('plan.json'), JSON.stringify(plan));
    execFileSync(execPath, ['--experimental-sea-config', at('plan.json')]);
    copyFileSync(execPath, out);
    chmodSync(out, 0o755);
    const postject = fileURLToPath(import.meta.resolve('postject/dist/cli.js'));
    execFileSync(execPath, [postject, out, 'NODE_SEA_BLOB', plan.output, '--sentinel-fuse', FUSE]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const out = argv[2];
  if (out === undefined) {
    process.stderr.write('usage: single-executable.ts OUT\n');
    process.exitCode = 2;
  } else await makeExecutable(out);
}
