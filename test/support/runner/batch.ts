/**
 * Runs several test files in one process, one after the other, as uvu's own command line does: most of the time of a
 * small test file is the start of its process. Started by run-file.ts; the arguments are the files.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compiledPath } from './compile.ts';

declare global {
  var UVU_DEFER: boolean | undefined;
  var UVU_QUEUE: unknown[][] | undefined;
  var UVU_INDEX: number | undefined;
}

const queue: unknown[][] = [];
// uvu reads this when it is loaded. With it, the tests run only at the end of this file.
globalThis.UVU_DEFER = true;
globalThis.UVU_QUEUE = queue;
const { beginFile, cannotLoad } = await import('./observed-uvu.ts');
const { exec } = await import('uvu');

for (const [index, file] of process.argv.slice(2).entries()) {
  queue.push([file]);
  globalThis.UVU_INDEX = index;
  beginFile(file);
  try {
    await import(pathToFileURL(resolve(compiledPath(file))).href);
  } catch (error) {
    // The other files of the batch can still run.
    process.stderr.write(`${file}: ${error instanceof Error ? error.stack : error}\n`);
    cannotLoad(file, error);
  }
}
await exec();
