/**
 * Builds the console's page: three files that the console serves.
 *
 *     node --import tsx clients/audit/console/bundle.ts OUT-DIRECTORY
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** Sources lie in the repository, also when this runs from dist: dist/clients/audit/console/. */
const PAGE = import.meta.url.endsWith('.ts')
  ? fileURLToPath(new URL('./page/', import.meta.url))
  : fileURLToPath(new URL('../../../../clients/audit/console/page/', import.meta.url));

export async function bundlePage(out: string): Promise<void> {
  mkdirSync(out, { recursive: true });
  await build({
    entryPoints: [
      { in: join(PAGE, 'main.tsx'), out: 'app' },
      { in: join(PAGE, 'style.css'), out: 'app' },
    ],
    outdir: out,
    bundle: true,
    format: 'esm',
    target: ['es2022'],
    minify: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // The licences of what is inside go with it.
    legalComments: 'eof',
    banner: { js: '/*! Contains Preact, MIT License, Copyright (c) 2015-present Jason Miller */' },
  });
  copyFileSync(join(PAGE, 'index.html'), join(out, 'index.html'));
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const [, , out] = argv;
  if (out === undefined) throw new Error('usage: bundle.ts OUT-DIRECTORY');
  await bundlePage(out);
}
